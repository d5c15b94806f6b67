// What the numbers of a monitor's windows hang on: once such a part is declared otherwise, windows
// of before say nothing of those after. Pure functions.
#pragma once

#include <set>
#include <string>

#include "monitor/definition.h"
#include "monitor/windows.h"

namespace slipway::monitor {

// "requests" (the endpoint, and what its model is asked for), "calendar", "week", "reference",
// "predictions" (the method that measures them), "threshold", "estimates", "slice NAME".
using WatchedParts = std::set<std::string>;
inline const std::string kRequestsPart = "requests", kDatasetsPart = "datasets",
                         kPredictionsPart = "predictions";

// Those that what the rule watches hangs on.
WatchedParts parts_of(const AlertRule& rule);
// Those that are declared otherwise.
WatchedParts changed_parts(const MonitorDefinition& before, const MonitorDefinition& now);
// Whether the rule of `before` still watches the same: one with its name does, and none of its
// parts changed.
bool keeps_its_past(const AlertRule& before, const MonitorDefinition& now,
                    const WatchedParts& changed);

// The start of the first window from `next` on that the calendar hasn't cut short.
base::Timestamp first_whole_window(const Calendar& calendar, WindowKind kind, base::Timestamp next);

}  // namespace slipway::monitor
