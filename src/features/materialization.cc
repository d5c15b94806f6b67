// Rows of the datasets, loaded for online reads; and the state that is replaced when they are.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/log.h"
#include "features/feature_store.h"
#include "features/window_reader.h"

namespace slipway::features {
namespace {

using Tables = std::set<OnlineStore::Table>;
using Positions = std::vector<std::size_t>;

// Rows are packed and written so many at a time: a crash loses at most the work of one.
constexpr std::size_t kRowsPerBatch = 50'000;
constexpr auto kEver = std::numeric_limits<std::int64_t>::max();

// Lets at most so many rows a second through; 0: all.
class Throttle {
 public:
  explicit Throttle(std::int64_t rows_per_second) : rows_per_second_(rows_per_second) {}
  // Waits until so many more may be loaded, or `may_go_on` fails: then with its error.
  Result<void> wait(std::int64_t rows, const std::function<Result<void>()>& may_go_on) {
    rows_ += rows;
    while (true) {
      TRY(may_go_on());
      if (rows_per_second_ <= 0) return {};
      const auto due = begin_ + std::chrono::microseconds(rows_ * 1'000'000 / rows_per_second_);
      if (std::chrono::steady_clock::now() >= due) return {};
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  // Rows that go at once.
  std::size_t rows_at_a_time() const {
    return rows_per_second_ <= 0
               ? kRowsPerBatch
               : std::min<std::size_t>(kRowsPerBatch,
                                       static_cast<std::size_t>(rows_per_second_ + 9) / 10);
  }

 private:
  const std::int64_t rows_per_second_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::int64_t rows_ = 0;
};

}  // namespace

// Which rows a load takes, and to where.
struct FeatureStore::Load {
  Materialized before, after;             // what was materialized, and will be
  std::optional<types::Timestamp> until;  // rows that had arrived by then; nothing: no rows
  // Tables that are there already are added to: what arrived after this, or, of a range again, has
  // an event time in [from, to).
  std::optional<types::Timestamp> arrived_after, from, to;
  bool makes_new_tables = false;  // even where one serves
  bool may_be_ended = false;      // by what is more urgent; it goes on when it is asked for again
  std::int64_t rows_per_second = 0;
  // Filled by replace(): tables that get all rows, and the datasets that those are of, by source.
  Tables fresh = {};
  std::map<std::size_t, std::unique_ptr<Table>> opened = {};

  bool adds() const { return arrived_after || from; }
};

// One source's rows on their way into tables.
struct FeatureStore::SourceLoad {
  const State& state;
  const std::size_t source;
  const Load& load;
  Tables fresh, others;          // get all rows; those that are new
  std::vector<bool> are_read;    // by column
  std::string version;           // of the dataset
  bool can_go_on = false;        // after a crash
  std::size_t begin = 0;         // rows that are done already
  std::int64_t done_before = 0;  // progress, of other sources
  std::int64_t loaded = 0;
};

// Which of a piece's rows [from, to) go into fresh tables, and which are added to others.
std::pair<Positions, Positions> FeatureStore::choose(const SourceLoad& source,
                                                     const types::Frame& piece, std::size_t from,
                                                     std::size_t to) {
  const Load& load = source.load;
  const Source& of = source.state.definitions.sources[source.source];
  const types::Column* event = of.event_time.empty() ? nullptr : piece.find(of.event_time);
  const types::Column* arrival = of.arrival_time.empty() ? nullptr : piece.find(of.arrival_time);
  std::pair<Positions, Positions> chosen;
  for (std::size_t row = from; row < to; ++row) {
    std::int64_t arrived = kAlways;
    if (arrival != nullptr) {
      if (!arrival->is_valid(row) || arrival->ints[row] > load.until->micros) continue;
      arrived = arrival->ints[row];
    }
    if (!source.fresh.empty()) chosen.first.push_back(row);
    if (source.others.empty()) continue;
    const bool is_in_range = event != nullptr && event->is_valid(row) && load.from &&
                             event->ints[row] >= load.from->micros &&
                             event->ints[row] < load.to->micros;
    if (load.from ? is_in_range : arrived > load.arrived_after->micros)
      chosen.second.push_back(row);
  }
  return chosen;
}

Result<std::int64_t> FeatureStore::load_rows_of(SourceLoad& source, const types::Frame& piece,
                                                std::size_t from, std::size_t to,
                                                std::size_t first_row) {
  const State& state = source.state;
  const std::vector<NamedColumn>& names = state.source_columns[source.source];
  const auto [all, added] = choose(source, piece, from, to);
  OnlineStore::Batch batch;
  std::vector<Value> values(names.size());
  for (const auto& [picked, tables] :
       {std::pair(&all, &source.fresh), std::pair(&added, &source.others)}) {
    if (picked->empty()) continue;
    SourceRows rows;
    for (std::size_t i = 0; i < names.size(); ++i) {
      rows.columns.push_back(source.are_read[i] ? TRY(piece.column(names[i].name))->take(*picked)
                                                : types::Column());
    }
    for (std::size_t row = 0; row < picked->size(); ++row) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (source.are_read[i]) values[i] = cell_of(rows.columns[i], row);
      }
      rows.identities.push_back(identity_of(state, source.source, values));
    }
    pack(state, source.source, rows, kNothingSettled, tables, batch);
  }
  if (!batch.rows.empty()) {
    if (source.can_go_on) {
      batch.notes.emplace_back(position_note(state.definitions.sources[source.source].name),
                               fmt::format("{} {}", source.version, first_row + to));
    }
    TRY(online_->write(batch));
  }
  const base::MutexLock lock(mutex_);
  progress_.rows_done = source.done_before + static_cast<std::int64_t>(first_row + to);
  return static_cast<std::int64_t>(std::max(all.size(), added.size()));
}

// Of the rows that choose() takes, where one range of a column has them all.
std::optional<Table::TimeRange> FeatureStore::range_of(const SourceLoad& source) {
  const Load& load = source.load;
  const Source& of = source.state.definitions.sources[source.source];
  if (of.event_time.empty()) return std::nullopt;
  if (source.fresh.empty() && load.from)
    return Table::TimeRange{of.event_time, load.from->micros, load.to->micros - 1};
  return Table::TimeRange{of.arrival_time,
                          source.fresh.empty() ? load.arrived_after->micros + 1 : kAlways,
                          load.until->micros};
}

// What a load ends early for: kUnavailable when it is a matter of time, kConflict.
Result<void> FeatureStore::may_go_on(const Load& load) const {
  if (stopping_)
    return base::error(Code::kUnavailable, "the server stops: the rest is loaded another time");
  if (!load.may_be_ended) return {};
  if (is_behind_) {
    return base::error(Code::kUnavailable,
                       "the online store ({}) was away, and is brought up to date first: "
                       "materialize again, it goes on where it was",
                       online_->name());
  }
  if (definitions_wait_ > 0) {
    return base::error(Code::kConflict,
                       "the definitions of features change: materialize again, with the new ones");
  }
  return {};
}

Result<std::int64_t> FeatureStore::load_source(const State& state, std::size_t s, Load& load) {
  const Source& of = state.definitions.sources[s];
  const std::vector<NamedColumn>& names = state.source_columns[s];
  SourceLoad source{.state = state, .source = s, .load = load};
  source.are_read.assign(names.size(), state.source_keys[s].empty());
  for (const std::size_t key : state.source_keys[s]) source.are_read[key] = true;
  for (std::size_t v = 0; v < state.views.size(); ++v) {
    if (state.views[v].view.source != of.name) continue;
    const OnlineStore::Table table = state.kept[v].table;
    (load.fresh.contains(table) ? source.fresh : source.others).insert(table);
    for (const std::size_t column : state.views[v].columns()) source.are_read[column] = true;
  }
  if (!load.adds()) source.others.clear();
  if (source.fresh.empty() && source.others.empty()) return 0;

  std::unique_ptr<Table> table = std::move(load.opened[s]);
  if (!table) table = TRY(tables_.open(of.dataset));
  source.version = table->version();
  source.can_go_on = source.others.empty();
  if (source.can_go_on) {
    const auto position = TRY(online_->note(position_note(of.name)));
    const std::string mark = source.version + " ";
    if (position && position->starts_with(mark)) {
      const char* end = position->data() + position->size();
      std::from_chars(position->data() + mark.size(), end, source.begin);
    }
  }
  {
    const base::MutexLock lock(mutex_);
    progress_.source = of.name;
    source.done_before = progress_.rows_all;
    progress_.rows_all += table->row_count();
    progress_.rows_done = source.done_before + static_cast<std::int64_t>(source.begin);
  }
  std::vector<std::string> wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (source.are_read[i]) wanted.push_back(names[i].name);
  }
  Throttle throttle(load.rows_per_second);
  const auto may_go_on = [&] { return this->may_go_on(load); };
  TRY(table->scan(wanted, range_of(source),
                  [&](const types::Frame& piece, std::size_t first_row) -> Result<void> {
                    std::size_t from = source.begin > first_row ? source.begin - first_row : 0;
                    while (from < piece.rows()) {
                      const std::size_t to =
                          std::min(piece.rows(), from + throttle.rows_at_a_time());
                      const auto rows = TRY(load_rows_of(source, piece, from, to, first_row));
                      source.loaded += rows;
                      TRY(throttle.wait(rows, may_go_on));
                      from = to;
                    }
                    return {};
                  }));
  const base::MutexLock lock(mutex_);
  progress_.rows_done = progress_.rows_all;
  return source.loaded;
}

// Which tables the views of a new state get.
struct FeatureStore::Plan {
  bool is_opened = false;  // the catalog was read anew: the store may lack what was pushed last
  Tables reused;
  std::vector<OnlineCatalog::Loaded> loaded;    // when all is done
  std::optional<OnlineCatalog::Building> left;  // of another load, that may still go on
  // The last pushed row that is in the fresh tables, and in the reused ones, where they are opened.
  std::int64_t in_fresh = 0, in_reused = 0;
  Tables unsettled;  // among the reused ones: whether they were is not known
};

// Until it is known whether a store on another machine has what was written to it, nothing is read,
// and no push says what it has. kUnavailable leaves it so.
Result<void> FeatureStore::open_catalog() {
  {
    const base::MutexLock gate(push_gate_);
    const base::WriteLock nobody_pushes(push_mutex_);
    const bool was_behind = is_behind_;
    if (online_->may_wait()) is_behind_ = true;
    const bool has_all = TRY(catalog_.open());
    is_behind_ = was_behind || !has_all;
  }
  return catalog_.drop_strays();
}

Result<FeatureStore::Plan> FeatureStore::plan(State& fresh, Load& load) {
  Plan plan{.is_opened = !catalog_.is_open()};
  if (plan.is_opened) {
    TRY(open_catalog());
    // Read before anything is pushed into the new tables: what that notes says nothing of rows
    // that were pushed while the store was away.
    plan.in_reused = TRY(number_note(*online_, kAppliedNote, 0));
  }
  // A database that was put back to an earlier day has other rows under these numbers.
  const bool is_of_another_day = plan.is_opened && plan.in_reused > TRY(last_pushed());
  plan.left = catalog_.building();
  fresh.loaded_until = load.after.until;
  OnlineCatalog::Building building;
  building.until = load.until ? load.until->micros : kAlways;
  for (std::size_t v = 0; v < fresh.views.size(); ++v) {
    const BoundView& view = fresh.views[v];
    Kept& kept = fresh.kept[v];
    if (view.view.is_on_demand()) continue;
    // Of rows without times nobody can say which ones are new, tiles can't say which of a
    // dataset's rows they have, and what corrects a range's rows may lie outside of it.
    const bool has_tiles = kept.layout.resolution > 0;
    const bool is_whole = (load.arrived_after && !view.event_time) || (load.adds() && has_tiles) ||
                          (is_of_another_day && has_tiles) ||
                          (load.from && kept.layout.is_corrected);
    const OnlineCatalog::Loaded* serves =
        load.makes_new_tables || is_whole ? nullptr : catalog_.find(kept.fingerprint, load.before);
    if (serves != nullptr) {
      kept.table = serves->table;
      plan.reused.insert(kept.table);
      plan.in_reused = std::min(plan.in_reused, serves->brought.value_or(plan.in_reused));
      if (serves->brought) plan.unsettled.insert(kept.table);
      plan.loaded.push_back({kept.fingerprint, kept.table, load.after});
      continue;
    }
    building.tables[kept.fingerprint] = 0;
    if (!load.until) continue;
    std::unique_ptr<Table>& table = load.opened[*fresh.find_source(view.view.source)];
    if (!table) table = TRY(tables_.open(fresh.definitions.find_source(view.view.source)->dataset));
    building.versions[view.view.source] = table->version();
  }
  if (is_of_another_day) plan.in_reused = 0;
  if (!building.tables.empty()) {
    if (plan.left && plan.left->is_of_the_same(building)) {
      building = *plan.left;
      base::log_info("features", "loading goes on where it was");
    } else {
      if (plan.left) {
        for (const auto& [view, table] : plan.left->tables) TRY(online_->drop(table));
      }
      for (auto& [view, table] : building.tables) table = catalog_.take_number();
      OnlineStore::Batch forget;
      for (const Source& source : fresh.definitions.sources)
        forget.notes.emplace_back(position_note(source.name), "");
      TRY(online_->write(forget));
    }
    TRY(catalog_.save(catalog_.loaded(), building));
    plan.left.reset();
  }
  std::map<OnlineStore::Table, std::shared_ptr<std::atomic<std::int64_t>>> newest;
  for (std::size_t v = 0; v < fresh.views.size(); ++v) {
    Kept& kept = fresh.kept[v];
    if (fresh.views[v].view.is_on_demand()) continue;
    if (kept.table == 0) {
      kept.table = building.tables.at(kept.fingerprint);
      load.fresh.insert(kept.table);
      plan.loaded.push_back({kept.fingerprint, kept.table, load.after});
    }
    std::shared_ptr<std::atomic<std::int64_t>>& of_table = newest[kept.table];
    if (!of_table) of_table = TRY(newest_of(kept.table));
    kept.newest = of_table;
  }
  return plan;
}

Result<std::int64_t> FeatureStore::load_rows(const State& fresh, Load& load, Plan& plan) {
  std::int64_t rows = 0;
  for (std::size_t s = 0; load.until && s < fresh.definitions.sources.size(); ++s)
    rows += TRY(load_source(fresh, s, load));
  if (!load.fresh.empty()) plan.in_fresh = TRY(bring_pushed(fresh, load.fresh, To::kNewTables, 0));
  if (plan.is_opened && !plan.reused.empty())
    plan.in_reused = TRY(bring_pushed(fresh, plan.reused, To::kOldTables, plan.in_reused));
  for (const Kept& kept : fresh.kept) {
    if (rows > 0 && kept.layout.resolution == 0 && load.fresh.contains(kept.table))
      TRY(online_->settle(kept.table, {}));
  }
  // Both are there until the database has decided, so that after a crash what it says is there.
  std::vector<OnlineCatalog::Loaded> both = catalog_.loaded();
  for (OnlineCatalog::Loaded loaded : plan.loaded) {
    if (load.fresh.contains(loaded.table)) {
      loaded.brought = plan.in_fresh;
    } else if (plan.is_opened) {
      loaded.brought = plan.in_reused;
    }
    both.push_back(std::move(loaded));
  }
  TRY(catalog_.save(std::move(both), plan.left));
  return rows;
}

Result<void> FeatureStore::take_over(const std::shared_ptr<State>& fresh, const Load& load,
                                     const Plan& plan) {
  const base::MutexLock gate(push_gate_);
  const base::WriteLock nobody_pushes(push_mutex_);
  if (plan.is_opened) {
    const std::int64_t last = TRY(last_pushed());
    if (!plan.reused.empty())
      TRY(bring_pushed(*fresh, plan.reused, To::kOldTables, plan.in_reused));
    if (!load.fresh.empty()) TRY(bring_pushed(*fresh, load.fresh, To::kNewTables, plan.in_fresh));
    TRY(online_->write({.rows = {}, .notes = {{kAppliedNote, std::to_string(last)}}}));
    const base::MutexLock lock(mutex_);
    // What failed has been brought now; what is still on its way to the database has not.
    std::erase_if(pushes_, [](const auto& push) { return push.second.has_failed; });
    for (auto& [ticket, push] : pushes_) push.others = last;
    last_number_ = last;
    is_behind_ = false;
  }
  const base::MutexLock lock(mutex_);
  state_ = fresh;
  return {};
}

// Once nothing that a table lacks can come any more but by pushes, tiles are made of its rows.
Result<void> FeatureStore::settle_tiles(const State& fresh, const Load& load, const Plan& plan) {
  Tables done;
  for (const Kept& kept : fresh.kept) {
    if (kept.layout.resolution == 0 ||
        !(load.fresh.contains(kept.table) || plan.unsettled.contains(kept.table)) ||
        !done.insert(kept.table).second)
      continue;
    const std::int64_t settled = TRY(number_note(*online_, kAppliedNote, 0));
    TRY(online_->settle(kept.table, BlockWriter(kept.layout, 0, clock_.now(), settled).finish()));
  }
  return {};
}

Result<std::int64_t> FeatureStore::replace(
    std::shared_ptr<State> fresh, Load load,
    const std::function<Result<void>(std::int64_t)>& commit) {
  std::shared_ptr<const State> old = state();
  const auto done = [&]() -> Result<std::int64_t> {
    Plan plan = TRY(this->plan(*fresh, load));
    {
      const base::MutexLock gate(push_gate_);
      const base::WriteLock nobody_pushes(push_mutex_);
      const base::MutexLock lock(mutex_);
      loading_ = fresh;
      progress_ = {.is_running = true, .source = {}, .rows_done = 0, .rows_all = 0};
    }
    const std::int64_t rows = TRY(load_rows(*fresh, load, plan));
    TRY(commit(rows));
    TRY(take_over(fresh, load, plan));
    TRY(settle_tiles(*fresh, load, plan));
    TRY(catalog_.save(plan.loaded, plan.left));
    return rows;
  }();
  {
    const base::MutexLock gate(push_gate_);
    const base::WriteLock nobody_pushes(push_mutex_);
    const base::MutexLock lock(mutex_);
    loading_ = nullptr;
    progress_.is_running = false;
  }
  // What the store has is looked at anew, whatever this has left.
  if (!done) {
    if (done.error().code == Code::kUnavailable) is_suspect_ = true;
    catalog_.close();
    return done;
  }
  drop_unused(std::move(old));
  return done;
}

Result<std::int64_t> FeatureStore::last_pushed() const {
  const auto last = TRY(db_.read([](store::Reader& reader) {
    return reader.find("SELECT MAX(number) FROM feature_rows", {},
                       [](const store::Row& row) { return row.int64(0); });
  }));
  return last.value_or(0);
}

Result<std::shared_ptr<std::atomic<std::int64_t>>> FeatureStore::newest_of(
    OnlineStore::Table table) const {
  {
    const base::MutexLock lock(mutex_);
    for (const Kept& kept : state_->kept) {
      if (kept.table == table && kept.newest) return kept.newest;
    }
  }
  return std::make_shared<std::atomic<std::int64_t>>(
      TRY(number_note(*online_, newest_note(table), kAlways)));
}

// Reads are short, and hold the state that they read from. What can't be dropped now is another
// time.
void FeatureStore::drop_unused(std::shared_ptr<const State> old) {
  Tables used;
  for (const OnlineCatalog::Loaded& loaded : catalog_.loaded()) used.insert(loaded.table);
  if (catalog_.building()) {
    for (const auto& [view, table] : catalog_.building()->tables) used.insert(table);
  }
  for (const Kept& kept : old->kept) {
    if (kept.table != 0) unused_.insert(kept.table);
  }
  // One that served before may serve again, in a store that came back older.
  std::erase_if(unused_, [&](OnlineStore::Table table) { return used.contains(table); });
  for (int i = 0; i < 1000 && old.use_count() > 1; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (old.use_count() > 1) return;
  std::erase_if(unused_, [&](OnlineStore::Table table) {
    const Result<void> dropped = online_->drop(table);
    if (!dropped) {
      base::log_warning("features", "rows that nobody reads any more are still there: table={} {}",
                        table, dropped.error().message);
    }
    return bool(dropped);
  });
}

Result<void> FeatureStore::set_definitions(Definitions definitions) {
  const std::shared_ptr<State> fresh = TRY(bind(std::move(definitions)));
  if (state()->is_like(*fresh)) return {};
  ++definitions_wait_;
  const base::MutexLock replacing(replace_mutex_);
  --definitions_wait_;
  TRY(versions_.number(fresh->definitions));
  const Materialized present = TRY(materializations());
  const auto commit = [&](std::int64_t) { return versions_.keep(fresh->definitions); };
  const auto done =
      replace(fresh, {.before = present, .after = present, .until = present.until}, commit);
  if (done) return {};
  const std::shared_ptr<const State> before = state();
  const bool is_first = before->views.empty() && before->definitions.sources.empty();
  if (done.error().code != Code::kUnavailable || !is_first || stopping_) return done.error();
  TRY(versions_.keep(fresh->definitions));
  const base::MutexLock lock(mutex_);
  base::log_warning("features", "rows are loaded when the online store is there: {}",
                    done.error().message);
  for (Kept& kept : fresh->kept) kept.table = 0;
  is_behind_ = true;
  state_ = fresh;
  return {};
}

Result<void> FeatureStore::tend() {
  if ((!is_behind_ && !is_suspect_) || !replace_mutex_.try_lock()) return {};
  const base::MutexLock replacing(replace_mutex_, base::kIsLocked);
  is_suspect_ = false;
  catalog_.close();
  const Materialized present = TRY(materializations());
  const std::shared_ptr<State> fresh = TRY(bind(*definitions()));
  const auto commit = [&](std::int64_t) { return versions_.keep(fresh->definitions); };
  TRY(replace(fresh, {.before = present, .after = present, .until = present.until}, commit));
  base::log_info("features", "the online store is up to date again");
  return {};
}

Result<std::string> FeatureStore::renew_online() {
  const base::MutexLock replacing(replace_mutex_);
  // A number that was taken away may be given again, so what the store knows of numbers is told
  // anew, as after it was away.
  catalog_.close();
  const Materialized present = TRY(materializations());
  const std::shared_ptr<State> fresh = TRY(bind(*definitions()));
  TRY(replace(
      fresh,
      {.before = present, .after = present, .until = present.until, .makes_new_tables = true},
      [](std::int64_t) { return Result<void>(); }));
  // No table has the rows any more, whatever becomes of their bytes.
  const Result<std::string> scrubbed = online_->scrub();
  std::string left = scrubbed ? *scrubbed : scrubbed.error().message;
  if (!unused_.empty()) {
    left += fmt::format(
        "{}{} tables of the online store that could not be dropped yet, until rows are loaded "
        "again",
        left.empty() ? "" : "; ", unused_.size());
  }
  return left;
}

MaterializationProgress FeatureStore::progress() const {
  const base::MutexLock lock(mutex_);
  return progress_;
}

Result<std::int64_t> FeatureStore::materialize(const Materialization& wanted) {
  if (is_materializing_.exchange(true)) {
    return base::error(Code::kConflict,
                       "a materialization is under way: wait until it is done, or ask how far it "
                       "is (GET /slipway/v1/features/materialize)");
  }
  struct Done {
    std::atomic<bool>& flag;
    ~Done() { flag = false; }
  } const done{is_materializing_};  // also when it throws
  return materialize_alone(wanted);
}

Result<std::int64_t> FeatureStore::materialize_alone(const Materialization& wanted) {
  const base::MutexLock replacing(replace_mutex_);
  Load load{.before = TRY(materializations()),
            .until = wanted.as_of,
            .may_be_ended = true,
            .rows_per_second =
                wanted.rows_per_second > 0 ? wanted.rows_per_second : options_.rows_per_second};
  TRY(may_go_on(load));
  const auto before = load.before.until;
  if (wanted.from || wanted.until) {
    if (!before) {
      return base::error(Code::kFailedPrecondition,
                         "nothing was materialized yet: materialize as of a time first, then a "
                         "range can be loaded again");
    }
    load.until = before;
    load.from = wanted.from.value_or(types::Timestamp{-kEver});
    load.to = wanted.until.value_or(types::Timestamp{kEver});
  } else if (wanted.is_incremental && before) {
    if (*before >= wanted.as_of) return 0;
    load.arrived_after = before;
  } else {
    load.makes_new_tables = true;
  }
  load.after = {.loads = load.before.loads + 1, .until = load.until};
  const Materialized after = load.after;
  return replace(TRY(bind(*definitions())), std::move(load), [&](std::int64_t rows) {
    return db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(tx.execute(
          "INSERT INTO feature_state(workspace, materialized, loads) VALUES('default', ?, ?) "
          "ON CONFLICT(workspace) DO UPDATE SET materialized = excluded.materialized, "
          "loads = excluded.loads",
          {*after.until, after.loads}));
      return tx.append_event(
          {.kind = "features.materialized",
           .subject = "features",
           .payload = {{"as_of", types::to_rfc3339(*after.until)}, {"rows", rows}}});
    });
  });
}

}  // namespace slipway::features
