// Hours, days, weeks and months of event time, where the monitor's people live.
#pragma once

#include <string>

#include "base/result.h"
#include "base/timestamp.h"
#include "monitor/definition.h"

namespace slipway::monitor {

struct Window {
  base::Timestamp start;  // included
  base::Timestamp end;    // not included
  bool operator==(const Window&) const = default;
};

// A value. Hours and days are those of the zone's clocks, so two days a year last 23 and 25 hours.
class Calendar {
 public:
  // `zone` is an IANA name; `week_starts` a weekday in lower case. kInvalidArgument: no such zone
  // or day.
  static Result<Calendar> create(const std::string& zone, const std::string& week_starts);

  // The window that `time` falls into.
  Window window_of(WindowKind kind, base::Timestamp time) const;
  int hour_of_day(base::Timestamp time) const;  // 0 to 23, as clocks there show it

 private:
  Calendar(std::string zone, int first_weekday)
      : zone_(std::move(zone)), first_weekday_(first_weekday) {}
  base::Timestamp midnight(std::int64_t local_day) const;
  std::int64_t local(base::Timestamp time) const;  // what clocks show, since 1970-01-01

  std::string zone_;   // empty: UTC
  int first_weekday_;  // 0 is Monday
};

}  // namespace slipway::monitor
