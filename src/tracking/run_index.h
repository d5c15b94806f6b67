// Finds runs without reading the database: keeps what searches look at in columns in memory.
//
// A cache of the Db, never the truth. It follows committed changes (run_changes.h) and catches up
// at the start of every search, so that a search sees everything that was acknowledged before it,
// by this server or by another one on the same database. It is loaded by whoever asks first: the
// thread of start(), or a search that comes earlier, which then waits.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/shared_mutex.h"
#include "store/db.h"
#include "tracking/metric_keys.h"
#include "tracking/run_columns.h"
#include "tracking/run_selection.h"
#include "tracking/text_pool.h"

namespace slipway::tracking {

// Safe to use from several threads. Everything given to the constructor must outlive it.
class RunIndex {
 public:
  struct Options {
    // What the columns may take. When the runs need more, the index gives its memory back and
    // searches answer kResourceExhausted, until the server starts with a larger limit.
    std::size_t bytes_max = std::size_t{4} << 30;
    long follow_ms = 1000;  // how often the thread looks for changes that no search asked for
  };

  RunIndex(store::Db& db, MetricKeys& keys, base::Metrics& metrics, Options options);
  ~RunIndex();  // stop()

  // Loads in a thread of its own, which then follows changes, so that a search after many of them
  // has little to catch up.
  void start();
  void stop();

  // Numbers of the runs that pass, in order, as committed when the call began or later.
  Result<SelectedRuns> select(const RunSelection& selection);

  // The columns of one experiment while nobody changes them. Rows stay where they are as long as
  // `generation` is the same.
  struct Look {
    const ExperimentRuns& runs;
    const TextPool& texts;
    const MetricNumbers& metrics;
    std::int64_t position;  // the last change that is in
    std::int64_t generation;
  };
  // Calls `at` with everything committed before the call in the columns, and the numbers of these
  // metrics' keys. Searches wait for changes while it runs: it must not wait for anything itself.
  Result<void> look(std::int64_t experiment, const std::vector<std::string>& metrics,
                    const std::function<void(const Look&)>& at);

 private:
  struct Place {
    std::uint32_t experiment = kNowhere;  // in experiments_
    std::uint32_t row = 0;
  };
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};

  Result<MetricNumbers> numbers_of(const std::vector<std::string>& metrics);
  // Makes everything committed before the call visible.
  Result<void> catch_up();
  Result<void> load() REQUIRES(catch_up_mutex_);
  Result<void> follow(std::int64_t to) REQUIRES(catch_up_mutex_);
  Result<void> check_size() REQUIRES(catch_up_mutex_);
  void run_thread();

  // Read `what` of runs from the Db into the columns; see Changed. Runs by numbers, first to last.
  Result<void> read_runs(store::Reader& reader, std::int64_t first, std::int64_t last, int what)
      REQUIRES(columns_mutex_);
  Result<void> read_heads(store::Reader& reader, std::string_view where,
                          std::span<const store::Param> params) REQUIRES(columns_mutex_);
  Result<void> read_datasets(store::Reader& reader, std::int64_t first, std::int64_t last)
      REQUIRES(columns_mutex_);
  void put_head(const store::Row& row) REQUIRES(columns_mutex_);
  Place place_of(std::int64_t number) const REQUIRES_SHARED(columns_mutex_);
  void clear() REQUIRES(columns_mutex_);
  std::size_t bytes() const REQUIRES_SHARED(columns_mutex_);

  store::Db& db_;
  MetricKeys& keys_;
  const Options options_;

  std::atomic<std::int64_t> position_{-1};  // the last change that is in; -1: not loaded
  std::atomic<std::int64_t> runs_loaded_{0};

  // Held by the one who reads from the Db; taken before columns_mutex_.
  base::Mutex catch_up_mutex_;
  bool too_large_ GUARDED_BY(catch_up_mutex_) = false;

  mutable base::SharedMutex columns_mutex_;
  TextPool texts_ GUARDED_BY(columns_mutex_);
  std::vector<std::unique_ptr<ExperimentRuns>> experiments_ GUARDED_BY(columns_mutex_);
  std::unordered_map<std::int64_t, std::uint32_t> experiment_places_ GUARDED_BY(columns_mutex_);
  std::vector<Place> places_ GUARDED_BY(columns_mutex_);    // of runs, by number
  std::int64_t generation_ GUARDED_BY(columns_mutex_) = 0;  // grows with each clear()

  base::Mutex thread_mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(thread_mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::tracking
