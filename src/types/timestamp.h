// Points and lengths of time as text.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::types {

using base::Duration;
using base::Timestamp;

// RFC 3339 in UTC: "2013-06-01T04:00:00Z", with six digits of fraction only when there is one.
std::string to_rfc3339(Timestamp time);
// Accepts a zone offset ("+02:00", "Z"), a space instead of T, a fraction of up to nine digits (cut
// to microseconds), and a bare date (midnight UTC). A time without a zone is refused:
// kInvalidArgument says so.
Result<Timestamp> parse_rfc3339(std::string_view text);

// "250ms", "90s", "15m", "24h", "21d", "2w".
Result<Duration> parse_duration(std::string_view text);
std::string to_text(Duration duration);

// The midnight UTC at or before `time`; the Monday midnight UTC at or before it.
Timestamp start_of_day(Timestamp time);
Timestamp start_of_week(Timestamp time);

}  // namespace slipway::types
