// The log of a step's pod, written to the step's own log while it is written.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "pipelines/kubernetes/kube_client.h"
#include "pipelines/step_log.h"

namespace slipway::pipelines {

// Follows from where it was: how far it has come is kept beside the log, so that after a crash no
// line is lost and none stands there twice. Secrets become ***.
//
// One thread at a time, beside its own.
class PodLog {
 public:
  struct Of {
    std::string job, space;
    std::filesystem::path file;
    std::vector<std::string> secrets;  // their values
  };
  // kResourceExhausted: the log can't be opened.
  static Result<std::unique_ptr<PodLog>> open(const Cluster& cluster, Of of);
  ~PodLog();
  PodLog(const PodLog&) = delete;
  PodLog& operator=(const PodLog&) = delete;

  // These values as well, from now on.
  void hide(std::vector<std::string> secrets);
  // Begins to follow the pod's container, once.
  void follow(const std::string& pod);
  // The log of this Job was begun by a server before.
  bool is_taken_up() const { return is_taken_up_; }
  // A line of our own.
  void note(std::string_view line);
  // What there is of a container that has ended, as far as it comes soon; if not, it says so.
  void finish();
  // As it is.
  void leave();

 private:
  PodLog(const Cluster& cluster, Of of, StepLog log);
  void run(const std::string& pod);
  Result<void> fetch(const std::string& pod, bool follows);
  void take(std::string_view text) EXCLUDES(mutex_);
  void begin_line(std::string_view line) REQUIRES(mutex_);
  void drop_unfinished_line() REQUIRES(mutex_);
  void keep_place() REQUIRES(mutex_);
  std::int64_t count_lines() const REQUIRES(mutex_);
  std::filesystem::path place_file() const { return of_.file.string() + ".place"; }

  const Of of_;
  KubeClient client_;
  std::thread thread_;
  std::atomic<bool> ended_ = false;  // the container
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> done_ = false;  // all has come
  base::Mutex mutex_;
  StepLog log_ GUARDED_BY(mutex_);
  bool is_over_ GUARDED_BY(mutex_) = false;
  bool is_taken_up_ = false;
  std::string pod_ GUARDED_BY(mutex_);  // whose lines it has
  // A line that has not ended yet: whether it is shown, its second, and where it begins in the
  // file, if that is known.
  bool is_within_line_ GUARDED_BY(mutex_) = false;
  bool is_shown_ GUARDED_BY(mutex_) = false;
  std::string line_second_ GUARDED_BY(mutex_);
  std::optional<std::int64_t> line_begin_ GUARDED_BY(mutex_);
  // Where it is: a second, and how many lines have come that are not before it. (Two streams write
  // the lines, so that their times don't only grow.)
  std::string since_ GUARDED_BY(mutex_);
  std::map<std::string, std::int64_t> lines_ GUARDED_BY(mutex_);  // by second, the last two
  std::int64_t known_ GUARDED_BY(mutex_) = 0;                     // that come again first
  std::chrono::steady_clock::time_point kept_ GUARDED_BY(mutex_);
};

}  // namespace slipway::pipelines
