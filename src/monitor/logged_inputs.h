// What a drift report compares of the request log: the inputs that live requests came with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/drift/column_source.h"
#include "monitor/ports.h"
#include "monitor/problem.h"

namespace slipway::monitor {

// A column per input of the live requests with from <= event time < to, and "prediction", which of
// a multi-class `problem` has the classes that were said, else numbers; each is read from the log
// when it is asked for, so that one is in memory at a time. A request that was retried counts once,
// load tests don't. Requests that are logged meanwhile may be in the columns that are read later.
// `log` must outlive the source. kFailedPrecondition: no requests in that time. kInvalidArgument:
// more than `rows_max`.
Result<std::unique_ptr<ColumnSource>> open_inputs(RequestSource& log, const std::string& endpoint,
                                                  base::Timestamp from, base::Timestamp to,
                                                  std::int64_t rows_max,
                                                  const ProblemRules& problem = {});

}  // namespace slipway::monitor
