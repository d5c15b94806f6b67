// What the versions that an endpoint has answered with have done so far.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "base/timestamp.h"
#include "serving/model.h"
#include "serving/recent_minutes.h"

namespace slipway::serving {

// Calls of a model with so many rows.
struct BatchStatistics {
  std::size_t rows = 0;
  std::uint64_t calls = 0, gather_ns = 0, score_ns = 0, rest_ns = 0;
};

// What one version has answered at an endpoint since the server started, however often the endpoint
// has changed meanwhile. Nanoseconds are totals.
struct VersionStatistics {
  std::string endpoint;
  std::int64_t version = 0;
  std::uint64_t requests = 0, rows = 0, failures = 0;
  std::uint64_t queue_ns = 0, gather_ns = 0, score_ns = 0, total_ns = 0, failure_ns = 0;
  std::uint64_t calls = 0;               // of the model; fewer than requests where they were joined
  std::vector<BatchStatistics> batches;  // by rows
  base::Timestamp last_request;          // 1970: none yet

  // What of the total was spent on neither.
  std::uint64_t rest_ns() const {
    return total_ns - std::min(total_ns, queue_ns + gather_ns + score_ns);
  }
  // What calls of the model took: `score_ns` has a call once for each request that shared it.
  std::uint64_t calls_ns() const {
    return std::accumulate(
        batches.begin(), batches.end(), std::uint64_t{0},
        [](std::uint64_t sum, const BatchStatistics& each) { return sum + each.score_ns; });
  }
  // By what requests took outside of queues; of a Python model the time its process took. 0: none
  // yet.
  double cpu_seconds_per_1000() const {
    if (rows == 0) return 0;
    return static_cast<double>(gather_ns + calls_ns() + rest_ns()) * 1e-6 /
           static_cast<double>(rows);
  }
};

// How one request went.
struct RequestTimes {
  std::uint64_t gather_ns = 0, queue_ns = 0, score_ns = 0, total_ns = 0;
  std::size_t call_rows = 0;  // of the call that scored it, and perhaps others
  bool made_call = true;      // it counts the call
};

// The counts of one version, which every request adds to, so they are on lines of their own. Safe
// to use from several threads.
class VersionTally {
 public:
  explicit VersionTally(base::Histogram& seconds) : seconds_(seconds) {}

  void add(std::size_t rows, const RequestTimes& times, base::Timestamp now);
  void add_failure(std::uint64_t ns) {
    counts_.failures.fetch_add(1, std::memory_order_relaxed);
    counts_.failure_ns.fetch_add(ns, std::memory_order_relaxed);
  }
  base::Histogram& seconds() { return seconds_; }  // of a request, by Prometheus
  // What it answers with now, for its size.
  void set_model(std::weak_ptr<const Model> model);
  std::size_t memory_bytes() const;  // 0: it is not in memory
  base::Timestamp last_request() const { return {counts_.last_request_us}; }
  std::uint64_t requests() const { return counts_.requests; }
  std::uint64_t rows() const { return counts_.rows; }
  std::uint64_t failures() const { return counts_.failures; }
  VersionStatistics read(const std::string& endpoint, std::int64_t version) const;

 private:
  static constexpr std::size_t kExactRows = 64;  // calls with more count under a power of two
  static constexpr std::size_t kSizes = kExactRows + 26;
  static std::size_t size_class(std::size_t rows);
  static std::size_t rows_of(std::size_t size_class);

  struct alignas(64) Counts {
    std::atomic<std::uint64_t> requests{0}, rows{0}, queue_ns{0}, gather_ns{0}, score_ns{0},
        total_ns{0};
    std::atomic<std::int64_t> last_request_us{0};
    std::atomic<std::uint64_t> failures{0}, failure_ns{0};
  };
  struct alignas(32) Size {
    std::atomic<std::uint64_t> calls{0}, gather_ns{0}, score_ns{0}, rest_ns{0};
  };
  Counts counts_;
  std::array<Size, kSizes> sizes_;
  base::Histogram& seconds_;
  mutable base::Mutex mutex_;
  std::weak_ptr<const Model> model_ GUARDED_BY(mutex_);
};

// The tallies of all versions, which are metrics too, and the recent minutes of all endpoints; they
// are kept when a version no longer answers. Safe to use from several threads.
class VersionTallies {
 public:
  explicit VersionTallies(base::Metrics& metrics) : metrics_(metrics) {}

  std::shared_ptr<VersionTally> of(const std::string& endpoint, std::int64_t version);
  std::shared_ptr<RecentMinutes> minutes_of(const std::string& endpoint);

 private:
  std::shared_ptr<VersionTally> make(const std::string& endpoint, std::int64_t version);

  base::Metrics& metrics_;
  base::Mutex mutex_;
  std::map<std::pair<std::string, std::int64_t>, std::shared_ptr<VersionTally>> tallies_
      GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<RecentMinutes>> minutes_ GUARDED_BY(mutex_);
};

}  // namespace slipway::serving
