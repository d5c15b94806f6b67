#include "tracking/run_index.h"

#include <algorithm>
#include <map>

#include "base/clock.h"
#include "base/log.h"
#include "tracking/input_tags.h"
#include "tracking/metric_series.h"
#include "tracking/run_changes.h"

namespace slipway::tracking {
namespace {

// Runs that are read under one lock while loading.
constexpr std::int64_t kRunsPerStep = 4096;
constexpr std::int64_t kRunsPerLogLine = 200'000;
constexpr std::string_view kContextTag = "mlflow.data.context";

constexpr std::string_view kHeadColumns =
    "number, id, experiment, name, \"user\", status, start_ms, end_ms, deleted, artifact_uri";

// A word that this build doesn't know reads as the last one.
RunStatus stored_status(std::int64_t number) {
  constexpr std::int64_t kLast = kRunStatuses - 1;
  return static_cast<RunStatus>(number >= 0 && number <= kLast ? number : kLast);
}

}  // namespace

RunIndex::RunIndex(store::Db& db, MetricKeys& keys, base::Metrics& metrics, Options options)
    : db_(db), keys_(keys), options_(options) {
  metrics.gauge("slipway_run_index_runs", "Runs that search has in memory.",
                [this] { return static_cast<double>(runs_loaded_.load()); });
  metrics.gauge("slipway_run_index_loaded", "1 when all runs are in memory.",
                [this] { return position_.load() >= 0 ? 1.0 : 0.0; });
  metrics.gauge("slipway_run_index_bytes", "Memory of what search knows about runs.", [this] {
    base::ReadLock lock(columns_mutex_);
    return static_cast<double>(bytes());
  });
}

RunIndex::~RunIndex() { stop(); }

void RunIndex::start() {
  thread_ = std::thread([this] { run_thread(); });
}

void RunIndex::stop() {
  {
    base::MutexLock lock(thread_mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void RunIndex::run_thread() {
  bool failed = false;
  while (true) {
    const Result<void> done = catch_up();
    if (!done && !failed)
      base::log_error("tracking", "run search is out of date: {}", done.error().message);
    failed = !done;
    base::MutexLock lock(thread_mutex_);
    if (!stopping_) wake_.wait_for_ms(thread_mutex_, options_.follow_ms);
    if (stopping_) return;
  }
}

Result<MetricNumbers> RunIndex::numbers_of(const std::vector<std::string>& metrics) {
  MetricNumbers numbers;
  std::vector<std::string> unseen;
  for (const std::string& key : metrics) {
    const auto [at, fresh] = numbers.try_emplace(key, keys_.seen(key));
    if (fresh && at->second == 0) unseen.push_back(key);
  }
  if (!unseen.empty()) {
    TRY(db_.read([&](store::Reader& reader) -> Result<void> {
      for (const std::string& key : unseen) numbers[key] = TRY(keys_.find(reader, key));
      return {};
    }));
  }
  return numbers;
}

Result<SelectedRuns> RunIndex::select(const RunSelection& selection) {
  TRY(catch_up());
  const MetricNumbers metrics = TRY(numbers_of(metrics_of(selection)));

  base::ReadLock lock(columns_mutex_);
  std::vector<const ExperimentRuns*> experiments;
  for (const std::int64_t number : selection.experiments) {
    const auto found = experiment_places_.find(number);
    if (found == experiment_places_.end()) continue;
    const ExperimentRuns* runs = experiments_[found->second].get();
    if (std::find(experiments.begin(), experiments.end(), runs) == experiments.end())
      experiments.push_back(runs);
  }
  return select_runs(experiments, texts_, metrics, selection);
}

Result<void> RunIndex::look(std::int64_t experiment, const std::vector<std::string>& metrics,
                            const std::function<void(const Look&)>& at) {
  TRY(catch_up());
  const MetricNumbers numbers = TRY(numbers_of(metrics));
  static const ExperimentRuns kNone;
  base::ReadLock lock(columns_mutex_);
  const auto found = experiment_places_.find(experiment);
  at({.runs = found == experiment_places_.end() ? kNone : *experiments_[found->second],
      .texts = texts_,
      .metrics = numbers,
      .position = position_.load(),
      .generation = generation_});
  return {};
}

Result<void> RunIndex::catch_up() {
  const std::int64_t last = TRY(db_.read(last_change));
  if (position_.load() >= last) return {};
  base::MutexLock lock(catch_up_mutex_);
  if (too_large_) {
    return base::error(
        Code::kResourceExhausted,
        "the search of runs needs more memory than it may take: raise run-index-bytes-max "
        "and restart, or delete runs and reclaim them with `slipway gc`: "
        "run-index-bytes-max={}",
        options_.bytes_max);
  }
  if (position_.load() < 0) return load();
  if (position_.load() >= last) return {};  // somebody else did it meanwhile
  return follow(last);
}

Result<void> RunIndex::load() {
  struct Extent {
    std::int64_t position, last_run;
  };
  const Extent extent = TRY(db_.read([](store::Reader& reader) -> Result<Extent> {
    Extent now{TRY(last_change(reader)), 0};
    TRY(reader.query("SELECT COALESCE(MAX(number), 0) FROM runs", {},
                     [&](const store::Row& row) { now.last_run = row.int64(0); }));
    return now;
  }));
  // What changes while it is read is after `position`, and is read again then.
  {
    base::WriteLock lock(columns_mutex_);
    clear();
  }
  for (std::int64_t first = 1; first <= extent.last_run; first += kRunsPerStep) {
    const std::int64_t last = std::min(first + kRunsPerStep - 1, extent.last_run);
    {
      base::WriteLock lock(columns_mutex_);
      TRY(db_.read([&](store::Reader& reader) SLIPWAY_TSA(no_thread_safety_analysis) {
        return read_runs(reader, first, last, kChangedWhole);
      }));
    }
    TRY(check_size());
    if (last / kRunsPerLogLine != (first - 1) / kRunsPerLogLine)
      base::log_info("tracking", "run search is loading: runs={} of={}", last, extent.last_run);
    base::MutexLock lock(thread_mutex_);
    if (stopping_) return base::error(Code::kUnavailable, "the server is stopping");
  }
  position_ = extent.position;
  if (runs_loaded_ > 0)
    base::log_info("tracking", "run search is loaded: runs={}", runs_loaded_.load());
  return {};
}

Result<void> RunIndex::follow(std::int64_t to) {
  if (to - position_ > kChangesKept / 2) return load();  // older ones may be forgotten
  std::map<std::int64_t, int> runs;
  std::vector<std::int64_t> experiments;
  std::int64_t position = position_;
  {
    base::WriteLock lock(columns_mutex_);
    TRY(db_.read([&](store::Reader& reader) SLIPWAY_TSA(no_thread_safety_analysis) -> Result<void> {
      position = TRY(last_change(reader));
      TRY(reader.query("SELECT run, what FROM run_changes WHERE change > ? AND change <= ?",
                       {position_.load(), position}, [&](const store::Row& row) {
                         const auto what = static_cast<int>(row.int64(1));
                         if ((what & kChangedExperiment) != 0) {
                           experiments.push_back(row.int64(0));
                         } else {
                           runs[row.int64(0)] |= what;
                         }
                       }));
      for (const std::int64_t experiment : experiments) {
        const store::Param param(experiment);
        TRY(read_heads(reader, "experiment = ?", {&param, 1}));
      }
      for (const auto& [run, what] : runs) TRY(read_runs(reader, run, run, what));
      return {};
    }));
  }
  position_ = position;
  return runs.size() > kRunsPerStep ? check_size() : Result<void>();
}

Result<void> RunIndex::check_size() {
  base::WriteLock lock(columns_mutex_);
  if (bytes() <= options_.bytes_max) return {};
  clear();
  position_ = -1;
  too_large_ = true;
  return base::error(
      Code::kResourceExhausted,
      "the search of runs needs more memory than it may take: raise run-index-bytes-max "
      "and restart, or delete runs and reclaim them with `slipway gc`: "
      "run-index-bytes-max={}",
      options_.bytes_max);
}

Result<void> RunIndex::read_runs(store::Reader& reader, std::int64_t first, std::int64_t last,
                                 int what) {
  const store::Params range = {first, last};
  if ((what & kChangedHead) != 0) {
    if (first == last && place_of(first).experiment != kNowhere) {
      const Place place = place_of(first);
      experiments_[place.experiment]->set_gone(place.row);  // unless it is read again now
    }
    TRY(read_heads(reader, "number >= ? AND number <= ?", {range.begin(), range.size()}));
    // The number of a run that is gone for good may come back with another one.
    if (const Place place = place_of(first); first == last && place.experiment != kNowhere &&
                                             experiments_[place.experiment]->is_gone(place.row))
      places_[static_cast<std::size_t>(first)] = {};
  }
  if ((what & kChangedParams) != 0) {
    TRY(reader.query("SELECT run, key, value FROM run_params WHERE run >= ? AND run <= ?", range,
                     [&](const store::Row& row) SLIPWAY_TSA(no_thread_safety_analysis) {
                       const Place place = place_of(row.int64(0));
                       if (place.experiment == kNowhere) return;
                       experiments_[place.experiment]->set_param(
                           place.row, texts_.intern(row.text(1)), texts_.intern(row.text(2)));
                     }));
  }
  if ((what & kChangedTags) != 0) {
    if (first == last && place_of(first).experiment != kNowhere)
      experiments_[place_of(first).experiment]->clear_tags(place_of(first).row);
    TRY(reader.query("SELECT run, key, value FROM run_tags WHERE run >= ? AND run <= ?", range,
                     [&](const store::Row& row) SLIPWAY_TSA(no_thread_safety_analysis) {
                       const Place place = place_of(row.int64(0));
                       if (place.experiment == kNowhere) return;
                       experiments_[place.experiment]->set_tag(
                           place.row, texts_.intern(row.text(1)), texts_.intern(row.text(2)));
                     }));
  }
  if ((what & kChangedMetrics) != 0) {
    TRY(for_latest_points(reader, first, last,
                          [&](std::int64_t run, const std::vector<Point>& points)
                              SLIPWAY_TSA(no_thread_safety_analysis) {
                                const Place place = place_of(run);
                                if (place.experiment == kNowhere) return;
                                for (const Point& point : points)
                                  experiments_[place.experiment]->set_metric(place.row, point.key,
                                                                             point.value);
                              }));
  }
  if ((what & kChangedInputs) != 0) TRY(read_datasets(reader, first, last));
  return {};
}

Result<void> RunIndex::read_heads(store::Reader& reader, std::string_view where,
                                  std::span<const store::Param> params) {
  return reader.query_span(
      fmt::format("SELECT {} FROM runs WHERE {} ORDER BY number", kHeadColumns, where), params,
      [&](const store::Row& row) SLIPWAY_TSA(no_thread_safety_analysis) { put_head(row); });
}

void RunIndex::put_head(const store::Row& row) {
  RunHead head{.number = row.int64(0),
               .start_ms = row.int64(6),
               .end_ms = row.is_null(7) ? kNoTime : row.int64(7),
               .name = texts_.intern(row.text(3)),
               .user = texts_.intern(row.text(4)),
               .artifact_uri = texts_.intern(pack_artifact_uri(row.text(9), row.text(1))),
               .status = stored_status(row.int64(5)),
               .life = row.int64(8) == 0 ? Life::kActive : Life::kDeleted};
  const std::string_view id = row.text(1).substr(0, head.id.size());
  std::copy(id.begin(), id.end(), head.id.begin());
  const auto number = static_cast<std::size_t>(head.number);
  if (number >= places_.size()) places_.resize(number + 1);
  Place& place = places_[number];
  if (place.experiment != kNowhere) {
    experiments_[place.experiment]->set_head(place.row, head);
    return;
  }
  const auto [experiment, fresh] =
      experiment_places_.try_emplace(row.int64(2), static_cast<std::uint32_t>(experiments_.size()));
  if (fresh) experiments_.push_back(std::make_unique<ExperimentRuns>());
  place = {experiment->second, experiments_[experiment->second]->add(head)};
  ++runs_loaded_;
}

Result<void> RunIndex::read_datasets(store::Reader& reader, std::int64_t first, std::int64_t last) {
  std::map<std::int64_t, std::vector<DatasetUse>> uses;  // by run
  TRY(reader.query(
      "SELECT run, name, digest, tags FROM run_datasets WHERE run >= ? AND run <= ? "
      "ORDER BY run, name, digest",
      {first, last}, [&](const store::Row& row) {
        DatasetUse& use =
            uses[row.int64(0)].emplace_back(DatasetUse{row.string(1), row.string(2), {}});
        for (const KeyValue& tag : parse_input_tags(row.text(3))) {
          if (tag.key == kContextTag) use.contexts.push_back(tag.value);
        }
      }));
  for (const auto& [run, of_run] : uses) {
    const Place place = place_of(run);
    if (place.experiment == kNowhere) continue;
    experiments_[place.experiment]->set_datasets(place.row, texts_.intern(pack_datasets(of_run)));
  }
  return {};
}

RunIndex::Place RunIndex::place_of(std::int64_t number) const {
  const auto at = static_cast<std::size_t>(number);
  return at < places_.size() ? places_[at] : Place();
}

void RunIndex::clear() {
  texts_ = TextPool();
  experiments_.clear();
  experiment_places_.clear();
  places_.clear();
  places_.shrink_to_fit();
  ++generation_;
  runs_loaded_ = 0;
}

std::size_t RunIndex::bytes() const {
  std::size_t bytes = texts_.bytes() + places_.capacity() * sizeof(Place);
  for (const auto& experiment : experiments_) bytes += experiment->bytes();
  return bytes;
}

}  // namespace slipway::tracking
