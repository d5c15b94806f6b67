// Features online and offline from one definition: pushed rows kept durably, read as known at a
// moment; training sets built from whole datasets by the same evaluator.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "features/definition.h"
#include "features/service.h"
#include "features/tables.h"
#include "features/view_index.h"
#include "store/db.h"

namespace slipway::features {

struct HistoryRequest {
  std::string service;
  std::string entities;           // the dataset whose rows are asked for
  std::string label_name, label;  // an expression over the dataset's columns; empty: no label
  types::Timestamp
      as_of;  // what is known: rows with event time before it, labels that had arrived by then
  std::optional<types::Timestamp> from, until;  // event time of the entity rows
  std::uint64_t memory_bytes = 1ull << 30;  // of a source's and the entity rows: about as much is
                                            // kept at once
  std::size_t rows_at_once = 4'000'000;     // entity rows; fewer when memory_bytes ask for it
};

struct HistoryResult {
  types::Frame frame;          // key columns, the service's event time, the label and when it
                               // was known (LABEL_known_at), then the features
  std::int64_t unlabeled = 0;  // entity rows left out because their label was not known at as_of
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class FeatureStore {
 public:
  FeatureStore(store::Db& db, TableSource& tables, const base::Clock& clock)
      : db_(db), tables_(tables), clock_(clock) {}

  // Replaces the definitions, binds them to the datasets, and loads again what was materialized and
  // pushed before. kInvalidArgument: an expression, type or column that doesn't fit; nothing is
  // changed then.
  Result<void> set_definitions(Definitions definitions);
  std::shared_ptr<const Definitions> definitions() const;
  // What services would give; changes nothing. kInvalidArgument as set_definitions.
  struct Output {
    std::string name;
    ValueType type;
    bool is_whole = false;  // a number that never has a fraction
  };
  Result<std::map<std::string, std::vector<Output>>> try_definitions(Definitions definitions) const;

  // Loads from the datasets every row that had arrived by `as_of`, as far back as a window or ttl
  // reaches. Returns the rows loaded.
  // What was loaded until later than `as_of` is dropped; with `keeps_later` it stays, and nothing
  // is done.
  Result<std::int64_t> materialize(types::Timestamp as_of, bool keeps_later = false);

  // Adds rows of a source, as JSON objects with its dataset's columns; durable on return; a row
  // that is there already changes nothing. Without the arrival time column the row arrives now.
  // Returns how many were new. kInvalidArgument naming row and column.
  Result<std::int64_t> push(const std::string& source, const JsonArray& rows);

  // What a service gives, in order. kNotFound.
  Result<std::vector<Output>> outputs(const std::string& service) const;
  // The values for one request row: `request` has the request columns by name; missing ones are
  // missing values. Without `as_of` the request's own event time counts. `wanted`: these features
  // in this order; without it all. No disk is touched. kFailedPrecondition: one is not given.
  Result<std::vector<Value>> lookup(const std::string& service,
                                    const std::vector<std::pair<std::string, Value>>& request,
                                    std::optional<types::Timestamp> as_of,
                                    std::span<const std::string> wanted = {}) const;

  // A view on its own, without a service. `inputs` are what a read needs: the key columns, or, on
  // demand, the request columns that its expressions read.
  struct ViewShape {
    std::vector<Output> inputs, features;
    std::string event_time;  // on demand: which request column says when it is asked for
  };
  Result<ViewShape> view_shape(const std::string& view) const;  // kNotFound
  // What it says of many keys, each at its moment: `inputs` in the shape's order, one row after the
  // other. A row that lacks a key was never seen. On demand nothing is seen, all is computed.
  // kNotFound; kFailedPrecondition: `inputs` are not of the view's shape any more.
  struct ViewRows {
    std::vector<Value> values;  // of the features in order, one row after the other
    std::vector<Sight> sights;  // one a row
  };
  Result<ViewRows> read_rows(const std::string& view, std::span<const Value> inputs,
                             std::span<const types::Timestamp> as_of) const;

  // What rows of a source look like, and which of their columns its views read. kNotFound.
  struct SourceShape {
    std::vector<NamedColumn> columns;
    std::vector<bool> are_read;
  };
  Result<SourceShape> source_shape(const std::string& source) const;

  // Until when rows of the datasets are loaded; nothing was yet: none.
  Result<std::optional<types::Timestamp>> materialized() const;
  types::Timestamp now() const { return clock_.now(); }

  // A training set in the order of the entity rows: `visit` gets some of them at a time, at least
  // once. What is returned has an empty frame. kResourceExhausted: one key's rows alone take more
  // than request.memory_bytes, and a window needs them all.
  using HistoryVisit = std::function<Result<void>(types::Frame rows)>;
  Result<HistoryResult> history(const HistoryRequest& request, const HistoryVisit& visit) const;
  // All of it at once.
  Result<HistoryResult> history(const HistoryRequest& request) const;

 private:
  friend class Recomputation;  // reads the same rows for requests that were served
  friend class ViewHistory;    // a view's part of a training set

  // Definitions bound to data, with the online rows. Replaced as a whole when definitions change.
  struct State {
    Definitions definitions;
    std::vector<BoundView> views;
    std::vector<BoundService> services;
    std::vector<std::unique_ptr<ViewIndex>> indexes;  // by view; nothing for on-demand views
    std::vector<const Service*> requests;  // by view, on demand: whose request it is bound to
    std::vector<ViewShape> shapes;         // by view
    std::vector<std::vector<NamedColumn>> source_columns;  // by source
    std::vector<std::vector<std::size_t>>
        source_keys;  // positions of the dataset's key columns, by source
  };

  Result<std::shared_ptr<State>> bind(Definitions definitions) const;
  Result<std::int64_t> load_datasets(State& state, types::Timestamp as_of) const;
  static void prune(State& state, types::Timestamp watermark);
  Result<void> load_pushed(State& state) const;
  // Loads what `fresh` serves, calls `commit` with the rows loaded, and puts it in the place of the
  // present state. What is pushed meanwhile is in both.
  Result<std::int64_t> replace(std::shared_ptr<State> fresh, std::optional<types::Timestamp> until,
                               const std::function<Result<void>(std::int64_t)>& commit)
      REQUIRES(replace_mutex_);
  // Calls `each` for the pushed rows of a source with an event time from `first` to `last`, in the
  // order in which they were pushed.
  using EachPushed = std::function<void(std::span<const Value> row, std::uint64_t identity)>;
  Result<void> each_pushed(const State& state, std::size_t source, types::Timestamp first,
                           types::Timestamp last, const EachPushed& each) const;
  // A pushed row as the database has it; another state may have other columns.
  static Result<std::vector<Value>> read_pushed(const State& state, std::size_t source,
                                                std::string_view json);
  static void insert_row(State& state, std::size_t source, std::span<const Value> row,
                         std::uint64_t identity);
  static std::uint64_t identity_of(const State& state, std::size_t source,
                                   std::span<const Value> row);
  static Result<std::size_t> find_view(const State& state, const std::string& name);
  static ViewShape shape_of(const State& state, std::size_t view);
  Result<const BoundService*> find_service(const State& state, const std::string& name) const;

  store::Db& db_;
  TableSource& tables_;
  const base::Clock& clock_;
  struct PushedRow {
    std::string source, json;
    std::uint64_t identity;
  };

  base::Mutex replace_mutex_;        // one replacement of the state at a time; before mutex_
  mutable std::shared_mutex mutex_;  // all below; the indexes are written under it exclusively
  std::optional<std::vector<PushedRow>> late_;  // pushed since a replacement began to load
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace slipway::features
