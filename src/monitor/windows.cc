#include "monitor/windows.h"

#include <date/tz.h>

#include <array>
#include <chrono>

namespace slipway::monitor {
namespace {

constexpr std::array<const char*, 7> kWeekdays = {"monday", "tuesday",  "wednesday", "thursday",
                                                  "friday", "saturday", "sunday"};

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

date::sys_time<std::chrono::microseconds> to_sys(base::Timestamp time) {
  return date::sys_time<std::chrono::microseconds>(std::chrono::microseconds(time.micros));
}

}  // namespace

Result<Calendar> Calendar::create(const std::string& zone, const std::string& week_starts) {
  int weekday = 0;
  while (weekday < 7 && week_starts != kWeekdays[static_cast<std::size_t>(weekday)]) ++weekday;
  if (weekday == 7) {
    return base::error(Code::kInvalidArgument,
                       "week_starts must be a weekday like monday: week_starts={}", week_starts);
  }
  if (zone == "UTC" || zone.empty()) return Calendar("", weekday);
  try {
    date::locate_zone(zone);
  } catch (const std::exception&) {
    return base::error(Code::kInvalidArgument, "no such time zone: time_zone={}", zone);
  }
  return Calendar(zone, weekday);
}

base::Timestamp Calendar::midnight(std::int64_t local_day) const {
  const date::local_days day{date::days(static_cast<int>(local_day))};
  if (zone_.empty()) return {local_day * base::Duration::days(1).micros};
  // A midnight that the clocks skip begins at the first instant after it; one that comes twice, the
  // first time.
  const auto time = date::locate_zone(zone_)->to_sys(day, date::choose::earliest);
  return {std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count()};
}

std::int64_t Calendar::local(base::Timestamp time) const {
  if (zone_.empty()) return time.micros;
  return date::locate_zone(zone_)->to_local(to_sys(time)).time_since_epoch().count();
}

int Calendar::hour_of_day(base::Timestamp time) const {
  const std::int64_t day = base::Duration::days(1).micros, at = local(time);
  return static_cast<int>((at - floor_div(at, day) * day) / base::Duration::hours(1).micros);
}

Window Calendar::window_of(WindowKind kind, base::Timestamp time) const {
  const std::int64_t local = this->local(time);
  if (kind == WindowKind::kHour) {
    const std::int64_t hour = base::Duration::hours(1).micros;
    const base::Timestamp start{time.micros - (local - floor_div(local, hour) * hour)};
    return {start, start + base::Duration::hours(1)};
  }
  std::int64_t first = floor_div(local, base::Duration::days(1).micros);
  std::int64_t days = 1;
  if (kind == WindowKind::kMonth) {
    const date::year_month_day day{date::local_days{date::days{static_cast<int>(first)}}};
    const date::year_month month = day.year() / day.month();
    const auto begin_of = [](date::year_month which) {
      return date::local_days{which / 1}.time_since_epoch().count();
    };
    first = begin_of(month);
    days = begin_of(month + date::months{1}) - first;
  }
  if (kind == WindowKind::kWeek) {
    days = 7;
    // 1970-01-01 was a Thursday: day -3 was a Monday.
    first = floor_div(first + 3 - first_weekday_, 7) * 7 - 3 + first_weekday_;
  }
  return {midnight(first), midnight(first + days)};
}

}  // namespace slipway::monitor
