#include "serving/version_statistics.h"

#include <bit>

namespace slipway::serving {

std::size_t VersionTally::size_class(std::size_t rows) {
  if (rows <= kExactRows) return rows == 0 ? 0 : rows - 1;
  const auto above = static_cast<std::size_t>(std::bit_width((rows - 1) / kExactRows));
  return std::min(kSizes, kExactRows + above) - 1;
}

std::size_t VersionTally::rows_of(std::size_t size_class) {
  return size_class < kExactRows ? size_class + 1 : kExactRows << (size_class - kExactRows + 1);
}

void VersionTally::add(std::size_t rows, const RequestTimes& times, base::Timestamp now) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  counts_.requests.fetch_add(1, kRelaxed);
  counts_.rows.fetch_add(rows, kRelaxed);
  counts_.gather_ns.fetch_add(times.gather_ns, kRelaxed);
  if (times.queue_ns > 0) counts_.queue_ns.fetch_add(times.queue_ns, kRelaxed);
  counts_.score_ns.fetch_add(times.score_ns, kRelaxed);
  counts_.total_ns.fetch_add(times.total_ns, kRelaxed);
  counts_.last_request_us.store(now.micros, kRelaxed);
  if (!times.made_call) return;
  Size& size = sizes_[size_class(times.call_rows)];
  size.calls.fetch_add(1, kRelaxed);
  size.gather_ns.fetch_add(times.gather_ns, kRelaxed);
  size.score_ns.fetch_add(times.score_ns, kRelaxed);
  size.rest_ns.fetch_add(
      times.total_ns - std::min(times.total_ns, times.gather_ns + times.queue_ns + times.score_ns),
      kRelaxed);
}

VersionStatistics VersionTally::read(const std::string& endpoint, std::int64_t version) const {
  VersionStatistics read{.endpoint = endpoint, .version = version};
  read.requests = counts_.requests;
  read.rows = counts_.rows;
  read.failures = counts_.failures;
  read.queue_ns = counts_.queue_ns;
  read.gather_ns = counts_.gather_ns;
  read.score_ns = counts_.score_ns;
  read.total_ns = counts_.total_ns;
  read.failure_ns = counts_.failure_ns;
  read.last_request = last_request();
  for (std::size_t i = 0; i < kSizes; ++i) {
    const Size& size = sizes_[i];
    const std::uint64_t calls = size.calls;
    if (calls == 0) continue;
    read.calls += calls;
    read.batches.push_back({.rows = rows_of(i),
                            .calls = calls,
                            .gather_ns = size.gather_ns,
                            .score_ns = size.score_ns,
                            .rest_ns = size.rest_ns});
  }
  return read;
}

std::shared_ptr<VersionTally> VersionTallies::of(const std::string& endpoint,
                                                 std::int64_t version) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<VersionTally>& tally = tallies_[{endpoint, version}];
  if (tally == nullptr) tally = std::make_shared<VersionTally>();
  return tally;
}

}  // namespace slipway::serving
