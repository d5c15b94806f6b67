// Hands every new point of a run to those who watch it, as it is committed.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "tracking/run_observer.h"
#include "tracking/runs.h"

namespace slipway::tracking {

struct FeedEvent {
  // kLatest: the latest point of each metric, where a watcher begins or goes on after it was too
  // slow. kPoints: what was committed at once. kStatus: the run's.
  enum class Kind { kLatest, kPoints, kStatus };
  Kind kind = Kind::kPoints;
  std::uint64_t number = 0;  // of the newest event that this one includes
  std::vector<Metric> points;
  RunStatus status = RunStatus::kRunning;
};

// Where a watcher's events go. Safe to use from several threads; never blocks.
class FeedSink {
 public:
  virtual ~FeedSink() = default;
  virtual bool offer(const FeedEvent& event) = 0;  // false: not taken, the watcher is too slow
  virtual void stay_alive() = 0;                   // nothing happened for a while
  virtual bool is_open() const = 0;
  virtual bool is_drained() const = 0;  // everything that was taken is on its way
  virtual void end() = 0;
};

// Safe to use from several threads. Costs a writer nothing while nobody watches. `runs` must
// outlive it.
class MetricFeed final : public RunObserver {
 public:
  struct Options {
    std::size_t watchers_max = 1000;
    std::size_t points_kept_max = 20'000;  // for watchers that come back
    std::chrono::seconds silence_max{15};
    // So long what is written is kept although nobody watches: somebody may come back.
    std::chrono::seconds patience{60};
    // Events are counted from here; higher than any before a restart, so that old numbers aren't
    // taken for new ones.
    std::uint64_t first_number = 0;
    // Where other servers may write the same database: the number of the last change
    // (run_changes.h), asked for once a second. When it has moved, every watched run is read once.
    std::function<Result<std::int64_t>()> last_change;
  };
  MetricFeed(Runs& runs, Options options)
      : runs_(runs), options_(std::move(options)), last_(options_.first_number) {}
  ~MetricFeed() override;  // stop()

  void start();
  void stop();  // ends every watcher. Idempotent.

  // Begins with the latest points, or behind event `after` when everything since is still known.
  // Ends with the run's status when that is final. kNotFound: no such run. kResourceExhausted: too
  // many watchers.
  Result<void> watch(const std::string& run, std::optional<std::uint64_t> after,
                     std::shared_ptr<FeedSink> sink);

  void points_committed(const std::string& run, const std::vector<Metric>& points) override;
  void status_committed(const std::string& run, RunStatus status) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Watcher {
    std::shared_ptr<FeedSink> sink;
    bool joined = false;  // has had its beginning; until then events wait in `early`
    bool behind = false;  // has missed events, and begins again when it has read all
    std::deque<FeedEvent> early;
    Clock::time_point heard = Clock::now();
  };
  struct Kept {
    std::string run;
    FeedEvent event;
  };

  void publish(const std::string& run, FeedEvent event) REQUIRES(mutex_);
  static void deliver(Watcher& watcher, const FeedEvent& event);
  Result<void> join(const std::string& run, const std::shared_ptr<Watcher>& watcher);
  void remove_gone() REQUIRES(mutex_);
  void look_after();
  void look_at_others();
  void run_thread();

  Runs& runs_;
  const Options options_;
  std::atomic<bool> active_{false};

  base::Mutex mutex_;
  base::CondVar wake_;
  std::map<std::string, std::vector<std::shared_ptr<Watcher>>> watchers_ GUARDED_BY(mutex_);
  std::size_t watcher_count_ GUARDED_BY(mutex_) = 0;
  std::deque<Kept> kept_ GUARDED_BY(mutex_);
  std::size_t points_kept_ GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ GUARDED_BY(mutex_);
  Clock::time_point idle_since_ GUARDED_BY(mutex_) = Clock::now();
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::int64_t change_seen_ = 0;             // of thread_ alone, both
  std::map<std::string, std::string> seen_;  // run -> what its latest points and status were
  std::thread thread_;
};

bool is_final(RunStatus status);

}  // namespace slipway::tracking
