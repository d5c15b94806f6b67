// What the `features:` part of slipway.yaml says: sources, views and services. Plain values, before
// they meet any data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "features/value.h"
#include "types/timestamp.h"
#include "types/yaml_reader.h"

namespace slipway::features {

// What people want to know of a source, view or service; means nothing to the data.
struct About {
  std::string owner, description;
  std::vector<std::pair<std::string, std::string>> tags;  // in the order written

  bool operator==(const About&) const = default;
};

// Rows of a dataset as events. Without times a row is always known and always true.
struct Source {
  std::string name, dataset;
  std::string event_time, arrival_time;  // columns; empty: none
  // Columns that say of which event a row tells (corrections.h); none: every row counts.
  std::vector<std::string> deduplication_key;
  About about;

  bool operator==(const Source&) const = default;
};

enum class AggregateFunction {
  kCount,
  kSum,
  kMean,
  kMin,
  kMax,
  kVariance,
  kStddev,
  kFirst,
  kLast,
  kDistinct,
  kTopK,
  kMode,
  kQuantile
};

// As it is written: "mean".
std::string_view function_name(AggregateFunction function);

struct Aggregate {
  std::string name;
  AggregateFunction function = AggregateFunction::kCount;
  std::string expression;  // empty for count()
  double parameter = 0;    // k of top_k, q of quantile
  std::string place;       // "line 3, column 7" of slipway.yaml

  bool operator==(const Aggregate& other) const {  // wherever it stands
    return name == other.name && function == other.function && expression == other.expression &&
           parameter == other.parameter;
  }
};

struct Window {
  std::string text;  // "3h": part of the feature's name
  types::Duration length;

  bool operator==(const Window&) const = default;
};

struct ViewColumn {
  std::string name, expression;
  std::string place;  // "line 3, column 7" of slipway.yaml

  bool operator==(const ViewColumn& other) const {  // wherever it stands
    return name == other.name && expression == other.expression;
  }
};

// One of three kinds. Windowed: `windows` and `aggregates` over a source. Latest: `columns` of a
// source's newest row per key. On demand: `columns` computed from the request alone, without a
// source.
struct View {
  std::string name, source;
  std::vector<std::string> keys;
  std::vector<Window> windows;
  std::vector<Aggregate> aggregates;
  // Windows begin at multiples of it, none is shorter than its length: rows that are older than
  // what is exact can then be kept as sums of a bucket. Nothing: exact to the row.
  std::optional<types::Duration> resolution;
  std::optional<types::Duration> ttl;  // latest rows older than this count as missing
  std::vector<ViewColumn> columns;
  About about;

  bool is_windowed() const { return !windows.empty(); }
  bool is_on_demand() const { return source.empty(); }
  // Where a window begins that is looked through at a moment: events after it are in the window.
  std::int64_t window_begin(types::Duration window, std::int64_t moment) const;
  // Of the bucket that an event lies in: it leaves a window so long after this as the window is.
  // Without a resolution the event's own time.
  std::int64_t bucket_end(std::int64_t event) const;
  // How far before a moment events may matter to its windows; zero when there are none.
  types::Duration reach() const;
  // "view__column", or "view__aggregate_window"; the order is the order of values.
  std::vector<std::string> feature_names() const;

  bool operator==(const View&) const = default;
};

struct RequestColumn {
  std::string name;
  types::ColumnType type = types::ColumnType::kDouble;

  bool operator==(const RequestColumn&) const = default;
};

// What one model reads: request columns and features, in order.
struct Service {
  std::string name;
  std::string event_time;  // the request column with the time the prediction is asked for
  std::vector<RequestColumn> request;
  std::vector<std::string> features;  // "view", "view.column" or "request.column", as written
  About about;
  std::int64_t version = 0;  // of what it gives (service_versions.h); 0: not in force

  bool operator==(const Service& other) const {  // whichever version it is
    return name == other.name && event_time == other.event_time && request == other.request &&
           features == other.features && about == other.about;
  }
};

struct Definitions {
  std::vector<Source> sources;
  std::vector<View> views;
  std::vector<Service> services;

  const Source* find_source(std::string_view name) const;
  const View* find_view(std::string_view name) const;
  const Service* find_service(std::string_view name) const;

  bool operator==(const Definitions&) const = default;
};

// All that a feature is computed from: another text is another definition. `position`: among the
// view's feature_names().
std::string feature_text(const Definitions& definitions, const View& view, std::size_t position);
// Of every feature there is.
std::string feature_texts(const Definitions& definitions);

// Reads the `features:` part of a whole slipway.yaml; no such part means no definitions.
// kInvalidArgument with line and column: broken YAML, unknown keys, references to nothing.
Result<Definitions> parse_definitions(const types::YamlSource& slipway_yaml);

}  // namespace slipway::features
