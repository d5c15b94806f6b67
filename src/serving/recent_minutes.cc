#include "serving/recent_minutes.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace slipway::serving {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

std::size_t RecentMinutes::bucket_of(double latency_us) {
  const auto us = static_cast<std::uint64_t>(std::clamp(latency_us, 0.0, 1e9));
  if (us < kParts) return us;
  const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1;
  return std::min(kBuckets - 1, (power - 1) * kParts + ((us >> (power - 2)) & (kParts - 1)));
}

double RecentMinutes::lower_bound_us(std::size_t bucket) {
  if (bucket < kParts) return static_cast<double>(bucket);
  return std::ldexp(static_cast<double>(kParts + bucket % kParts),
                    static_cast<int>(bucket / kParts) - 1);
}

RecentMinutes::Minute* RecentMinutes::at(base::Timestamp now) {
  const std::int64_t number = now.micros / kMinuteUs;
  Minute& minute = minutes_[static_cast<std::size_t>(number % kKept)];
  if (minute.number.load(std::memory_order_acquire) < number) {
    base::MutexLock lock(mutex_);
    if (minute.number.load(kRelaxed) < number) {
      minute.errors.store(0, kRelaxed);
      for (auto& count : minute.answered) count.store(0, kRelaxed);
      minute.number.store(number, std::memory_order_release);
    }
  }
  return minute.number.load(kRelaxed) == number ? &minute : nullptr;
}

void RecentMinutes::add(double latency_us, base::Timestamp now) {
  if (Minute* const minute = at(now))
    minute->answered[bucket_of(latency_us)].fetch_add(1, kRelaxed);
}

void RecentMinutes::add_error(base::Timestamp now) {
  if (Minute* const minute = at(now)) minute->errors.fetch_add(1, kRelaxed);
}

// Within a bucket as if its requests lay evenly.
std::optional<double> RecentMinutes::percentile(const Counts& counts, std::uint64_t count,
                                                double share) {
  double left = share * static_cast<double>(count);
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const double here = counts[bucket];
    if (here > 0 && left <= here) {
      const double low = lower_bound_us(bucket);
      return low + (lower_bound_us(bucket + 1) - low) * left / here;
    }
    left -= here;
  }
  return std::nullopt;
}

std::vector<MinuteOfRequests> RecentMinutes::read(base::Timestamp now) const {
  const std::int64_t last = now.micros / kMinuteUs;
  std::vector<MinuteOfRequests> read;
  for (std::int64_t number = last - kMinutes + 1; number <= last; ++number) {
    MinuteOfRequests& of = read.emplace_back(MinuteOfRequests{.start = {number * kMinuteUs}});
    const Minute& minute = minutes_[static_cast<std::size_t>(number % kKept)];
    if (minute.number.load(std::memory_order_acquire) != number) continue;
    Counts counts;
    std::uint64_t answered = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
      answered += counts[bucket] = minute.answered[bucket].load(kRelaxed);
    of.errors = minute.errors.load(kRelaxed);
    of.requests = answered + of.errors;
    of.latency_us_p50 = percentile(counts, answered, 0.5);
    of.latency_us_p95 = percentile(counts, answered, 0.95);
    of.latency_us_p99 = percentile(counts, answered, 0.99);
  }
  return read;
}

}  // namespace slipway::serving
