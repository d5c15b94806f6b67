// A rule tried on windows that were judged before: when it would have fired. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "monitor/monitor.h"

namespace slipway::monitor {

// As an alert: it stays open from the first window that fires to the first that doesn't; a window
// that can't be judged changes nothing.
struct Firing {
  Window first;                                // window
  base::Timestamp opened_at;                   // when that was judged
  std::optional<base::Timestamp> resolved_at;  // nothing: open at the end
  std::int64_t windows = 0;                    // that fired
  double value = 0, worst = 0;                 // of the first, of the worst
  std::vector<std::string> moved;              // inputs that had moved when it opened
};

struct Rehearsal {
  std::int64_t windows = 0;     // of the rule's kind
  std::int64_t not_judged = 0;  // of them: too few rows, the metric couldn't be computed, or
                                // it wasn't known yet what is usual, or predictions were
                                // measured by another method then
  std::vector<Firing> firings;  // oldest first
  std::string strip;            // a character a window: '.' fine, '#' fired, '?' not judged

  JsonObject to_json() const;
};

// `windows` oldest first, of the live variant; others than the rule's kind are passed over. A rule
// without a threshold learns from them as it goes, and fires by chance with `chance` in a window.
Rehearsal rehearse(const AlertRule& rule, const MonitorDefinition& definition,
                   const std::vector<StoredWindow>& windows, double chance);

}  // namespace slipway::monitor
