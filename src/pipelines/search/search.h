// What `search` of a step says: its command runs as trials, each with other values of what is
// searched, and the outputs of the best are the step's. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "pipelines/search/asha.h"
#include "pipelines/search/space.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// What trials are compared by: `metrics.json#auc`, a member of a file that a trial writes, or
// `auc`, a metric of the run that it is tracked as.
struct Objective {
  std::string text;    // as written
  std::string file;    // empty: a tracked metric
  std::string member;  // of the file's JSON

  // What the value is called where trials are tracked.
  const std::string& metric() const { return member.empty() ? text : member; }
  bool operator==(const Objective&) const = default;
};

struct Search {
  enum class Method : std::uint8_t { kGrid, kRandom, kTpe };
  Method method = Method::kTpe;
  std::int64_t trials = 0;
  std::int64_t parallel = 1;  // at the same time
  Objective metric;
  bool maximizes = false;
  std::int64_t seed = 0;  // the same seed proposes the same
  Space space;
  std::int64_t max_failed = 3;  // one more that fails ends the search
  std::string experiment;       // that trials are tracked in; empty: named as the pipeline
  std::optional<StopEarly> stop_early;

  bool is_better(double value, double than) const {
    return maximizes ? value > than : value < than;
  }
  bool operator==(const Search&) const = default;
};

inline constexpr std::string_view kBestFile = "best.json", kTrialsFile = "trials.json";

std::string_view method_name(Search::Method method);

// kInvalidArgument with line and column.
Result<Search> read_search(const types::YamlNode& node);

// {"method","trials","parallel","metric","goal","seed","space","stop_early"}, for the record.
std::string describe(const Search& search);

}  // namespace slipway::pipelines
