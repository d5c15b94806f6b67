// What of the request log a window is judged by: columns of all its rows, all columns of some.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "monitor/definition.h"
#include "monitor/drift_profile.h"
#include "monitor/ports.h"
#include "monitor/windows.h"

namespace slipway::monitor {

// Columns of the request log that say what was answered, without the inputs.
inline const std::vector<std::string> kScoreColumns = {"request_id",    "variant",    "role",
                                                       "model_version", "latency_us", "prediction",
                                                       "error",         "traffic"};

// Those that are read of every row: the log's own, inputs that the reference (nullable) has, and
// what declared slices and the problem name; "request.NAME" likewise.
std::vector<std::string> columns_of(const MonitorDefinition& definition,
                                    const DriftProfile* reference);

// Everything that was logged of the requests with these ids. A part of the log is in memory beside
// them.
Result<types::Frame> whole_rows(RequestSource& log, const std::string& endpoint,
                                const Window& window, const std::unordered_set<std::string>& ids);

// The share of the live requests whose inputs, all of them, another one of the window had before;
// NaN: no request, or none with inputs. Keeps two numbers a request and a part of the log.
Result<double> duplicate_rate(RequestSource& log, const std::string& endpoint,
                              const Window& window);

}  // namespace slipway::monitor
