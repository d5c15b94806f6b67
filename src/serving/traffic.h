// How an endpoint is asked and what its model costs, as measured: what advice.h computes from.
#pragma once

#include <string>

#include "base/result.h"
#include "base/timestamp.h"
#include "serving/advice.h"
#include "serving/request_log.h"

namespace slipway::serving {

struct MeasuredTraffic {
  Traffic traffic;            // of the busiest window
  double rate_mean = 0;       // over all of the time looked at, from the first request to the last
  std::size_t requests = 0;   // that were looked at
  double window_seconds = 0;  // how long the busiest one is
  double latency_variation = 0;  // squared coefficient of variation, of what calls took
};

// From the log's rows with from <= event_time < to, by when they arrived; shadows don't count, nor
// does what is not real traffic. kFailedPrecondition: fewer than two requests.
Result<MeasuredTraffic> measure_traffic(RequestLog& log, const std::string& endpoint,
                                        base::Timestamp from, base::Timestamp to);
// Exposed for tests: `arrivals_us` in any order, one a request.
MeasuredTraffic traffic_of(std::vector<std::int64_t> arrivals_us);

}  // namespace slipway::serving
