// Cron expressions: when, on the clock of a place, something is due.
//
// Five fields (minute, hour, day of month, month, day of week), or six with seconds in front. A
// field is `*`, numbers, ranges `a-b`, steps `/n`, lists; months and weekdays also by three letters
// (JAN, MON; 0 and 7 are Sunday); days also `?` for `*`, `L` (the month's last), `LW` (its last
// Monday to Friday), weekdays `5L` (the last Friday) and `5#2` (the second). `@hourly`, `@daily`,
// `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
//
// As in Vixie's and ISC's cron: a day must match both day fields when one of them begins with `*`,
// else one of them is enough. When the clocks are changed, an expression whose minute and hour
// don't begin with `*` is for fixed times: those that are skipped come once, at the first moment
// after the gap; those that come twice come once, the first time. All others go by what the clock
// shows: nothing in the gap, and each of the doubled hours.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::pipelines {

// kInvalidArgument: no such zone. Empty means UTC.
Result<void> check_time_zone(const std::string& zone);

// The first moment of a day on the clock of a place, the day counted from 1 January 1970.
base::Timestamp begin_of_day(std::int64_t day, const std::string& zone);

// A value.
class Cron {
 public:
  // kInvalidArgument: what is wrong, in which field; also when no date ever matches (31 February).
  static Result<Cron> parse(std::string_view text);

  // The first time after `after`, at whole seconds; nothing when there is none for fifty years.
  // `zone` is one that check_time_zone() has found good.
  std::optional<base::Timestamp> next(base::Timestamp after, const std::string& zone) const;

  bool has_fixed_times() const { return fixed_times_; }

 private:
  Result<void> parse_field(std::size_t field, std::string_view text);
  Result<void> parse_term(std::size_t field, std::string_view text, std::string_view term);
  bool matches_day(std::int64_t day) const;
  // The first local second at or after `from` and before `to`, both since 1970 on the local clock.
  std::optional<std::int64_t> next_local(std::int64_t from, std::int64_t to) const;

  std::array<std::bitset<60>, 6> fields_;  // seconds, minutes, hours, days, months, weekdays
  std::array<std::bitset<6>, 7> nth_;      // weekday -> which of the month; 0: the last
  bool last_day_ = false, last_workday_ = false;
  bool both_days_ = false;
  bool fixed_times_ = false;
};

}  // namespace slipway::pipelines
