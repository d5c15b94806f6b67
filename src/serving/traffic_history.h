// How an endpoint was asked between two times, step by step, as its request log tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "serving/request_log.h"

namespace slipway::serving {

// Latencies are exact, of the rows that were answered; none: there was no such row.
struct TrafficStep {
  base::Timestamp start;
  // Rows of a batch are one request, which failed when its first row did.
  std::uint64_t requests = 0, rows = 0, errors = 0;
  std::optional<double> latency_us_p50, latency_us_p95, latency_us_p99;
};

struct TrafficHistory {
  base::Duration step;             // a round one, so that there are at most kHistoryStepsMax
  std::vector<TrafficStep> steps;  // without a gap, oldest first; starts are multiples of `step`
};

inline constexpr std::int64_t kHistoryStepsMax = 180;
inline constexpr std::size_t kHistoryRowsMax = 20'000'000;

// Live rows with from <= arrival_time < until, whatever their traffic. kInvalidArgument: `from` is
// not before `until`, or ten years and more before it. kResourceExhausted: more rows than
// kHistoryRowsMax. Safe to call from several threads.
Result<TrafficHistory> traffic_history(RequestLog& log, const std::string& endpoint,
                                       base::Timestamp from, base::Timestamp until);

}  // namespace slipway::serving
