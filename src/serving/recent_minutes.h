// How an endpoint has answered in each minute of the last hour.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/timestamp.h"

namespace slipway::serving {

// Latencies are those of requests that were answered, to a quarter of themselves at worst; none:
// there was no such request.
struct MinuteOfRequests {
  base::Timestamp start;
  std::uint64_t requests = 0, errors = 0;  // errors are among the requests
  std::optional<double> latency_us_p50, latency_us_p95, latency_us_p99;
};

// Counts what one process has answered for one endpoint since it started. Safe to use from several
// threads; only the first request of a minute takes the lock.
class RecentMinutes {
 public:
  static constexpr std::int64_t kMinutes = 60;

  void add(double latency_us, base::Timestamp now);
  void add_error(base::Timestamp now);
  // The last kMinutes minutes, oldest first; the last is that of `now` and not over yet.
  std::vector<MinuteOfRequests> read(base::Timestamp now) const;

 private:
  // Four buckets from a power of two microseconds to the next; the last, from two minutes on, is
  // open.
  static constexpr std::size_t kParts = 4, kBuckets = 104;
  static std::size_t bucket_of(double latency_us);
  static double lower_bound_us(std::size_t bucket);

  using Counts = std::array<std::uint32_t, kBuckets>;
  static std::optional<double> percentile(const Counts& counts, std::uint64_t count, double share);

  struct Minute {
    std::atomic<std::int64_t> number{-1};  // since 1970
    std::atomic<std::uint64_t> errors{0};
    std::array<std::atomic<std::uint32_t>, kBuckets> answered{};
  };
  // Null: a minute that is long over.
  Minute* at(base::Timestamp now);

  static constexpr std::int64_t kKept = kMinutes + 1;  // one may begin while others are read
  std::array<Minute, kKept> minutes_;
  base::Mutex mutex_;  // of the minute that begins
};

}  // namespace slipway::serving
