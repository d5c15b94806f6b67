// Features online and offline from one definition: pushed rows kept durably, read as known at a
// moment; training sets built from whole datasets by the same evaluator.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "features/definition.h"
#include "features/online_catalog.h"
#include "features/packed_view.h"
#include "features/service.h"
#include "features/service_versions.h"
#include "features/tables.h"
#include "store/db.h"

namespace slipway::features {

inline constexpr types::Timestamp kEndOfTime{std::numeric_limits<std::int64_t>::max()};

struct HistoryRequest {
  std::string service;
  std::string entities;  // the dataset whose rows are asked for
  // Instead: a Parquet file of them, whose event times are all there. All of its columns are in the
  // training set, so that none may be called as a feature; it has no labels.
  std::filesystem::path entity_file;
  std::string label_name, label;  // an expression over the dataset's columns; empty: no label
  types::Timestamp
      as_of;  // what is known: rows with event time before it, labels that had arrived by then
  std::optional<types::Timestamp> from, until;  // event time of the entity rows
  std::uint64_t memory_bytes = 1ull << 30;  // of a source's and the entity rows: about as much is
                                            // kept at once
  std::size_t rows_at_once = 4'000'000;     // entity rows; fewer when memory_bytes ask for it
  std::size_t batches_done = 0;             // the first ones: they are not answered again
  // Called now and then with the entity rows of the dataset that are done, and all of them.
  std::function<void(std::int64_t done, std::int64_t all)> progress;
};

struct HistoryResult {
  types::Frame frame;          // key columns, the service's event time, the label and when it
                               // was known (LABEL_known_at), then the features
  std::int64_t unlabeled = 0;  // entity rows left out because their label was not known at as_of
};

// Whether rows of these columns can be asked for. kNotFound: a column of the service's request is
// missing. kInvalidArgument: its event time is no timestamp.
Result<void> check_entity_columns(const Service& service, const std::vector<NamedColumn>& columns);

// Which rows of the datasets are loaded for online reads.
struct Materialization {
  // All rows that had arrived by then. What was loaded until later is dropped.
  types::Timestamp as_of;
  // Only those that arrived after the last time, up to `as_of`; what is loaded stays. Sources
  // without times are loaded anew. Nothing is done when it was later already.
  bool is_incremental = false;
  // Set: rows with an event time in [from, until) that had arrived by the time of the last
  // materialization are looked for again and added; `as_of` means nothing.
  // kFailedPrecondition: nothing was materialized yet.
  std::optional<types::Timestamp> from, until;
  std::int64_t rows_per_second = 0;  // at most; 0: the store's own limit
};

// How far a materialization is.
struct MaterializationProgress {
  bool is_running = false;
  std::string source;                        // at the moment
  std::int64_t rows_done = 0, rows_all = 0;  // of all sources that have been opened
};

// A stream's messages that rows come from: one offset a row, ascending.
struct StreamPosition {
  std::string stream;
  std::int64_t partition = 0;
  std::vector<std::int64_t> offsets;
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
//
// The datasets and the table of pushed rows are the truth; the online store holds what reads need
// of it, and knows how far it has come: what is missing after a crash, or after the store was away,
// is brought again by set_definitions() and tend().
class FeatureStore {
 public:
  struct Options {
    // How long before the newest row of a key reads are still exact; nothing: for ever.
    std::optional<types::Duration> history;
    std::int64_t rows_per_second = 0;  // that a materialization loads at most; 0: no limit
  };
  FeatureStore(store::Db& db, TableSource& tables, const base::Clock& clock)
      : FeatureStore(db, tables, clock, open_memory_store(), Options()) {}
  FeatureStore(store::Db& db, TableSource& tables, const base::Clock& clock,
               std::unique_ptr<OnlineStore> online, Options options)
      : db_(db),
        tables_(tables),
        clock_(clock),
        options_(options),
        online_(std::move(online)),
        catalog_(*online_),
        versions_(db, clock) {}

  // Replaces the definitions, binds them to the datasets, and loads the rows that the online store
  // doesn't have yet of what was materialized and pushed before. kInvalidArgument: an expression,
  // type or column that doesn't fit; kUnavailable: the online store is away; nothing is changed
  // then. (The first definitions are taken nevertheless, and tend() loads their rows.)
  Result<void> set_definitions(Definitions definitions);
  std::shared_ptr<const Definitions> definitions() const;
  // What services have been.
  const ServiceVersions& versions() const { return versions_; }
  // What services would give; changes nothing. kInvalidArgument as set_definitions.
  struct Output {
    std::string name;
    ValueType type;
    bool is_whole = false;  // a number that never has a fraction
    bool is_key = false;    // of inputs: rows are looked up by it
  };
  Result<std::map<std::string, std::vector<Output>>> try_definitions(Definitions definitions) const;

  // Brings the online store up to date after it was away; while rows are being loaded that is for
  // another time. To be called about once a second.
  Result<void> tend();
  // Whether reads are answered now. kUnavailable: the online store is away, or has lost rows that
  // are being brought.
  Result<void> check_readable() const;

  // Loads rows of the datasets for online reads, as far back as reads need them. Returns the rows
  // loaded. Ended by a crash and asked for again it goes on where it was, unless a dataset or a
  // definition has changed; what was there before serves until it is done. kConflict: another one
  // is under way, or the definitions changed meanwhile. kUnavailable: the online store was away, or
  // the server stops; asked for again it goes on.
  Result<std::int64_t> materialize(const Materialization& wanted);
  MaterializationProgress progress() const;
  // Ends a materialization that is under way; it goes on when it is asked for again.
  void stop() { stopping_ = true; }

  // Adds rows of a source, as JSON objects with its dataset's columns; durable and seen by reads on
  // return; a row that is there already changes nothing. Without the arrival time column the row
  // arrives now. With a position, rows whose offsets were committed before are left out, and the
  // offsets are committed together with the rows, so that a message counts once however often it
  // is pushed. Returns how many were new. kInvalidArgument naming row and column. kUnavailable: the
  // online store is away; the rows may be seen later, and pushing them again is right.
  Result<std::int64_t> push(const std::string& source, const JsonArray& rows,
                            const std::optional<StreamPosition>& position = std::nullopt);
  // A stream's partition is read from the start or on: `end` is the offset that its next message
  // will have. Offsets beyond it are forgotten: they were of another topic with the same name.
  Result<void> begin_stream(const std::string& source, const std::string& stream,
                            std::int64_t partition, std::int64_t end);
  // Where to go on reading a stream, by partition: behind what was committed.
  Result<std::map<std::int64_t, std::int64_t>> next_offsets(const std::string& source,
                                                            const std::string& stream) const;

  // How old each view's rows are: the newest event time; nothing: no rows, or none with times.
  struct Freshness {
    std::string view;
    std::optional<types::Timestamp> newest;
  };
  std::vector<Freshness> freshness() const;
  const OnlineStore& online() const { return *online_; }

  // What a service gives, in order. kNotFound.
  Result<std::vector<Output>> outputs(const std::string& service) const;
  // The values for one request row: `request` has the request columns by name; missing ones are
  // missing values. Without `as_of` the request's own event time counts. `wanted`: these features
  // in this order; without it all. The online store is asked once. kFailedPrecondition: one is not
  // given; kUnavailable: the online store is away.
  Result<std::vector<Value>> lookup(const std::string& service,
                                    const std::vector<std::pair<std::string, Value>>& request,
                                    std::optional<types::Timestamp> as_of,
                                    std::span<const std::string> wanted = {}) const;
  // The same for many rows. The online store is asked for many of them at a time. `version`: of the
  // service, which gave them.
  struct LookupRow {
    std::span<const std::pair<std::string, Value>> request;
    std::optional<types::Timestamp> as_of;
  };
  Result<std::vector<std::vector<Value>>> lookup_rows(const std::string& service,
                                                      std::span<const LookupRow> rows,
                                                      std::span<const std::string> wanted = {},
                                                      std::int64_t* version = nullptr) const;

  // A view on its own, without a service. `inputs` are what a read needs: the key columns; on
  // demand, the request columns that its expressions read, and the keys of the features they read.
  struct ViewShape {
    std::vector<Output> inputs, features;
    // What each of the features is computed from: columns of the source; on demand, of the request,
    // and features of other views. Not the keys and times that say which rows count.
    std::vector<std::vector<std::string>> reads;
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
    std::vector<std::size_t> keys;  // positions of what tells the dataset's rows apart
  };
  Result<SourceShape> source_shape(const std::string& source) const;

  // What was pushed to the sources of a dataset, with the dataset's columns: each row once, in the
  // order it came. Rows without all of the dataset's key are counted and left out. Empty: no source
  // reads the dataset. kResourceExhausted: more than `bytes_max`.
  struct PushedRows {
    types::Frame rows;
    std::int64_t without_key = 0;
  };
  Result<PushedRows> pushed_rows(const std::string& dataset, std::int64_t bytes_max) const;

  // Takes rows that were pushed to the sources of a dataset away for good: those whose cells, by
  // column as far as they are there, `is_gone` says so of. Returns how many; kOnlyCount changes
  // nothing. Online reads have them until renew_online().
  using IsGone = std::function<bool(const JsonObject& cells)>;
  enum class Erase { kRemove, kOnlyCount };
  Result<std::int64_t> erase_pushed(const std::string& dataset, const IsGone& is_gone, Erase how);
  // Loads all rows again, into new tables, as of the last materialization; the old ones go. What
  // was erased of datasets and of pushed rows is then in no table, and in no file of the online
  // store. Slow. Returns where bytes of it may be all the same and until when, in words; empty:
  // nowhere. kUnavailable.
  Result<std::string> renew_online();

  // Until when rows of the datasets are loaded; nothing was yet: none.
  Result<std::optional<types::Timestamp>> materialized() const;
  types::Timestamp now() const { return clock_.now(); }

  // A training set in the order of the entity rows: `visit` gets some of them at a time, at least
  // once unless that was done. What is returned has an empty frame. kResourceExhausted: one key's
  // rows alone take more than request.memory_bytes, and a window needs them all.
  using HistoryVisit = std::function<Result<void>(types::Frame rows)>;
  Result<HistoryResult> history(const HistoryRequest& request, const HistoryVisit& visit) const;
  // All of it at once.
  Result<HistoryResult> history(const HistoryRequest& request) const;
  // Of other definitions and datasets than the newest.
  Result<HistoryResult> history(const HistoryRequest& request, const Definitions& definitions,
                                TableSource& tables, const HistoryVisit& visit) const;

 private:
  friend class Recomputation;  // reads the same rows for requests that were served
  friend class ViewHistory;    // a view's part of a training set

  // Where a view's rows are. On demand: nowhere.
  struct Kept {
    RowLayout layout;
    std::string fingerprint;
    OnlineStore::Table table = 0;                       // 0: nowhere yet
    std::shared_ptr<std::atomic<std::int64_t>> newest;  // event time, of those with times
  };

  // Definitions bound to data. Replaced as a whole when definitions or tables change.
  struct State {
    Definitions definitions;
    std::vector<BoundView> views;
    std::vector<BoundService> services;
    std::vector<Kept> kept;                        // by view
    std::optional<types::Timestamp> loaded_until;  // what of the datasets is in their tables
    // By view, on demand: it alone, as a service with the request of the first one that uses it.
    std::vector<std::optional<BoundService>> alone;
    std::vector<ViewShape> shapes;                         // by view
    std::vector<std::vector<NamedColumn>> source_columns;  // by source
    std::vector<std::vector<std::size_t>>
        source_keys;  // positions of the dataset's key columns, by source

    std::optional<std::size_t> find_source(std::string_view name) const;
    // Whether it says the same of the same data, so that it need not be replaced.
    bool is_like(const State& other) const;
  };

  Result<std::shared_ptr<State>> bind(Definitions definitions) const {
    return bind(std::move(definitions), tables_);
  }
  Result<std::shared_ptr<State>> bind(Definitions definitions, TableSource& tables) const;
  std::shared_ptr<const State> state() const;
  // The same, where reads may be answered. kUnavailable.
  Result<std::shared_ptr<const State>> readable() const;
  Error noted(Error error) const;  // what a read failed with

  // materialization.cc
  struct Load;
  // Gives every view of `fresh` a table: one that is there already where its rows serve, or a new
  // one. Loads, calls `commit` with the rows loaded, and puts `fresh` in the place of the present
  // state. What is pushed meanwhile is in both.
  Result<std::int64_t> replace(std::shared_ptr<State> fresh, Load load,
                               const std::function<Result<void>(std::int64_t)>& commit)
      REQUIRES(replace_mutex_);
  struct Plan;
  Result<void> open_catalog() REQUIRES(replace_mutex_);
  Result<Plan> plan(State& fresh, Load& load) REQUIRES(replace_mutex_);
  Result<std::int64_t> load_rows(const State& fresh, Load& load, Plan& plan)
      REQUIRES(replace_mutex_);
  Result<void> take_over(const std::shared_ptr<State>& fresh, const Load& load, const Plan& plan)
      REQUIRES(replace_mutex_);
  Result<void> settle_tiles(const State& fresh, const Load& load, const Plan& plan)
      REQUIRES(replace_mutex_);
  Result<std::int64_t> load_source(const State& state, std::size_t source, Load& load)
      REQUIRES(replace_mutex_);
  Result<std::int64_t> materialize_alone(const Materialization& wanted);
  Result<void> may_go_on(const Load& load) const;
  struct SourceLoad;
  static std::optional<Table::TimeRange> range_of(const SourceLoad& source);
  static std::pair<std::vector<std::size_t>, std::vector<std::size_t>> choose(
      const SourceLoad& source, const types::Frame& piece, std::size_t from, std::size_t to);
  // Returns how many they were.
  Result<std::int64_t> load_rows_of(SourceLoad& source, const types::Frame& piece, std::size_t from,
                                    std::size_t to, std::size_t first_row);
  Result<Materialized> materializations() const;
  Result<std::int64_t> last_pushed() const;  // its number
  Result<std::shared_ptr<std::atomic<std::int64_t>>> newest_of(OnlineStore::Table table) const;
  void drop_unused(std::shared_ptr<const State> old) REQUIRES(replace_mutex_);

  // pushes.cc
  // Rows of a source, in columns.
  struct SourceRows {
    std::vector<types::Column> columns;  // those that a view reads; the others are empty
    std::vector<std::uint64_t> identities;
    std::vector<std::int64_t> numbers;  // of pushed rows
  };
  static SourceRows no_rows(const State& state, std::size_t source);
  static void add_row(SourceRows& rows, std::span<const Value> row, std::uint64_t identity,
                      std::int64_t number);
  // Rows that are known to be among those that were loaded of the dataset get its number, 0.
  Result<void> number_known(const State& state, std::size_t source, SourceRows& rows) const;
  // Adds what the source's views keep of the rows; of those whose table is among `tables`, where
  // that is given. `settled`: all pushed rows up to this number are in these tables, or in the
  // batch.
  void pack(const State& state, std::size_t source, const SourceRows& rows, std::int64_t settled,
            const std::set<OnlineStore::Table>* tables, OnlineStore::Batch& batch) const;
  // Calls `each` for the pushed rows of a source with an event time from `first` to `last`, in the
  // order in which they were pushed.
  using EachPushed = std::function<void(std::span<const Value> row, std::uint64_t identity)>;
  Result<void> each_pushed(const State& state, std::size_t source, types::Timestamp first,
                           types::Timestamp last, const EachPushed& each) const;
  // A pushed row as the database has it; another state may have other columns.
  static Result<std::vector<Value>> read_pushed(const State& state, std::size_t source,
                                                std::string_view json);
  struct ParsedRows;
  Result<ParsedRows> parse(std::shared_ptr<const State> state, const std::string& source,
                           const JsonArray& rows) const;
  static Result<void> find_said(store::Tx& tx, const std::string& source, ParsedRows& parsed,
                                std::size_t at);
  // Brings the pushed rows behind number `after` into these tables. Returns the last one's number.
  enum class To { kNewTables, kOldTables };
  Result<std::int64_t> bring_pushed(const State& state, const std::set<OnlineStore::Table>& tables,
                                    To to, std::int64_t after);
  // Keeps in mind that a push is under way, and gives its ticket.
  std::uint64_t begin_push();
  void end_push(std::uint64_t ticket);
  // Brings what the database has now into the store, and ends the push; without success it is kept
  // in mind until tend() has brought its rows.
  Result<void> bring(const ParsedRows& parsed, const std::string& source, std::uint64_t ticket,
                     std::int64_t last_number);
  // All pushed rows up to this number are in the store, or in this ticket's batch.
  std::int64_t applied_with(std::uint64_t ticket, std::int64_t last_number);

  static std::uint64_t identity_of(const State& state, std::size_t source,
                                   std::span<const Value> row);
  struct ServiceRow {
    std::vector<Value> request;  // its columns in order
    types::Timestamp as_of;
  };
  // The values of all outputs, by row; one question to the online store.
  Result<std::vector<std::vector<Value>>> read_service(const State& state,
                                                       const BoundService& bound,
                                                       std::span<const ServiceRow> rows) const;
  // The values of a view on demand, one row after the other.
  Result<std::vector<Value>> compute(const State& state, const BoundService& alone,
                                     const ViewShape& shape, std::span<const Value> inputs,
                                     std::span<const types::Timestamp> as_of) const;
  static Result<std::size_t> find_view(const State& state, const std::string& name);
  static ViewShape shape_of(const State& state, std::size_t view);
  Result<const BoundService*> find_service(const State& state, const std::string& name) const;

  store::Db& db_;
  TableSource& tables_;
  const base::Clock& clock_;
  const Options options_;
  const std::unique_ptr<OnlineStore> online_;

  // The store lacks rows that were pushed: no reads until tend() has brought them.
  std::atomic<bool> is_behind_{false};
  mutable std::atomic<bool> is_suspect_{false};  // it failed to answer: tend() looks after it
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_materializing_{false};
  std::atomic<int> definitions_wait_{0};  // to be set, behind what is loaded now

  base::Mutex replace_mutex_;  // one replacement of the state at a time; before the others
  OnlineCatalog catalog_ GUARDED_BY(replace_mutex_);
  ServiceVersions versions_;
  std::set<OnlineStore::Table> unused_ GUARDED_BY(replace_mutex_);  // to be dropped

  // Held shared while rows that are in the database are brought to the store, and while the state
  // changes exclusively. Before mutex_. Who wants it passes the gate; who wants it alone stays
  // there, so that pushes that keep coming don't keep him waiting.
  base::Mutex push_gate_;
  base::SharedMutex push_mutex_;
  mutable base::Mutex mutex_;  // all below; held shortly
  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::shared_ptr<State> loading_;  // takes over soon
  struct Push {
    std::int64_t others = 0;  // rows up to this number are those of others
    bool has_failed = false;
  };
  std::map<std::uint64_t, Push> pushes_;  // by ticket: under way, or not in the store
  std::uint64_t last_ticket_ = 0;
  std::int64_t last_number_ = 0;  // of a pushed row, that is known to be in the database
  MaterializationProgress progress_;
};

}  // namespace slipway::features
