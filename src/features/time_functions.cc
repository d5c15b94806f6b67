// Times: parts of the calendar in a zone, lengths of time, casts. They know the years 1 to 9999.
#include <date/tz.h>

#include <cmath>

#include "features/expression_functions.h"

namespace slipway::features {
namespace {

using types::Timestamp;
using LocalTime = date::local_time<std::chrono::microseconds>;

constexpr std::int64_t kFirst = kTimesBegin, kAfter = kTimesEnd;
constexpr std::int64_t kDay = 86'400'000'000;

std::optional<Timestamp> known(std::int64_t micros) {
  if (micros < kFirst || micros >= kAfter) return std::nullopt;
  return Timestamp{micros};
}

// The clock on the wall of `zone`. Nothing: the calendar doesn't go that far.
std::optional<LocalTime> local_time(const date::time_zone* zone, Timestamp time) {
  if (time.micros < kFirst + kDay || time.micros >= kAfter - kDay) return std::nullopt;
  return zone->to_local(
      date::sys_time<std::chrono::microseconds>(std::chrono::microseconds(time.micros)));
}

date::year_month_day calendar_day(LocalTime t) {
  return date::year_month_day(date::floor<date::days>(t));
}
std::int64_t second_of_day(LocalTime t) {
  return std::chrono::floor<std::chrono::seconds>(t - date::floor<date::days>(t)).count();
}

using CalendarPart = double (*)(LocalTime);

constexpr std::pair<const char*, CalendarPart> kCalendar[] = {
    {"second", [](LocalTime t) { return static_cast<double>(second_of_day(t) % 60); }},
    {"minute", [](LocalTime t) { return static_cast<double>(second_of_day(t) / 60 % 60); }},
    {"hour", [](LocalTime t) { return static_cast<double>(second_of_day(t) / 3600); }},
    {"minute_of_day", [](LocalTime t) { return static_cast<double>(second_of_day(t) / 60); }},
    // Monday is 0.
    {"weekday",
     [](LocalTime t) {
       return static_cast<double>(date::weekday(date::floor<date::days>(t)).iso_encoding() - 1);
     }},
    {"day_of_month",
     [](LocalTime t) { return static_cast<double>(static_cast<unsigned>(calendar_day(t).day())); }},
    {"day_of_year",
     [](LocalTime t) {
       return static_cast<double>(
           (date::floor<date::days>(t) - date::local_days(calendar_day(t).year() / 1 / 1)).count() +
           1);
     }},
    {"month",
     [](LocalTime t) {
       return static_cast<double>(static_cast<unsigned>(calendar_day(t).month()));
     }},
    {"year",
     [](LocalTime t) { return static_cast<double>(static_cast<int>(calendar_day(t).year())); }}};

std::variant<const date::time_zone*, Misuse> zone_of(const std::vector<Typed>& arguments,
                                                     std::size_t at) {
  if (!arguments[at].literal)
    return Misuse{at, "expected the name of a time zone such as 'America/New_York'"};
  try {
    return date::locate_zone(*arguments[at].literal);
  } catch (const std::exception&) {
    return Misuse{at, fmt::format("unknown time zone '{}'", *arguments[at].literal)};
  }
}

enum class Unit { kSecond, kMinute, kHour, kDay, kWeek, kMonth, kQuarter, kYear };
constexpr std::pair<std::string_view, Unit> kUnits[] = {
    {"second", Unit::kSecond},   {"minute", Unit::kMinute}, {"hour", Unit::kHour},
    {"day", Unit::kDay},         {"week", Unit::kWeek},     {"month", Unit::kMonth},
    {"quarter", Unit::kQuarter}, {"year", Unit::kYear}};

date::local_days first_day(LocalTime t, Unit unit) {
  const auto day = date::floor<date::days>(t);
  const date::year_month_day calendar(day);
  const unsigned month = static_cast<unsigned>(calendar.month());
  switch (unit) {
    case Unit::kWeek:
      return day - (date::weekday(day) - date::Monday);
    case Unit::kMonth:
      return date::local_days(calendar.year() / calendar.month() / 1);
    case Unit::kQuarter:
      return date::local_days(calendar.year() / date::month((month - 1) / 3 * 3 + 1) / 1);
    case Unit::kYear:
      return date::local_days(calendar.year() / 1 / 1);
    case Unit::kSecond:
    case Unit::kMinute:
    case Unit::kHour:
    case Unit::kDay:
      break;
  }
  return day;
}

std::optional<Timestamp> truncated(Unit unit, Timestamp time, const date::time_zone* zone) {
  const std::optional<LocalTime> local = local_time(zone, time);
  if (!local) return std::nullopt;
  const std::int64_t clock = (*local - date::floor<date::days>(*local)).count();
  // Of an hour that comes twice each has its own beginning.
  if (unit == Unit::kSecond) return Timestamp{time.micros - clock % 1'000'000};
  if (unit == Unit::kMinute) return Timestamp{time.micros - clock % 60'000'000};
  if (unit == Unit::kHour) return Timestamp{time.micros - clock % 3'600'000'000};
  const LocalTime first = first_day(*local, unit);
  return known(zone->to_sys(first, date::choose::earliest).time_since_epoch().count());
}

std::variant<NodePtr, Misuse> date_trunc(const std::vector<Typed>& arguments) {
  const auto unit = std::ranges::find_if(kUnits, [&](const auto& known) {
    return arguments[0].literal && known.first == *arguments[0].literal;
  });
  if (unit == std::end(kUnits)) {
    return Misuse{0,
                  "expected 'second', 'minute', 'hour', 'day', 'week', 'month', 'quarter' or "
                  "'year'"};
  }
  const auto zone = zone_of(arguments, 2);
  if (const auto* misuse = std::get_if<Misuse>(&zone)) return *misuse;
  return call_of([unit = unit->second,
                  zone = std::get<0>(zone)](Timestamp time) { return truncated(unit, time, zone); },
                 {arguments[1]});
}

// t + '3h', t - '30m'
auto moved(std::int64_t sign) {
  return [sign](const std::vector<Typed>& arguments) -> std::variant<NodePtr, Misuse> {
    const auto length = arguments[1].literal ? types::parse_duration(*arguments[1].literal)
                                             : Result<types::Duration>(types::Duration{});
    if (!arguments[1].literal || !length)
      return Misuse{1, "expected a length of time such as '15m', '3h' or '7d'"};
    return call_of(
        [by = sign * length->micros](Timestamp time) -> std::optional<Timestamp> {
          std::int64_t sum = 0;
          if (__builtin_add_overflow(time.micros, by, &sum)) return std::nullopt;
          return known(sum);
        },
        {arguments[0]});
  };
}

std::optional<Timestamp> time_of(std::string_view text) {
  const auto time = types::parse_rfc3339(text);
  if (!time) return std::nullopt;
  return *time;
}

// A text that is written out and no time is missing in every row, and a rule of it never broken.
std::variant<NodePtr, Misuse> timestamp_of_text(const std::vector<Typed>& arguments) {
  if (arguments[0].literal && !time_of(*arguments[0].literal))
    return Misuse{0, "expected a time such as '2013-06-01T04:00:00Z' or '2013-06-01'",
                  call_of(time_of, arguments)};
  return call_of(time_of, arguments);
}

}  // namespace

void add_time_functions(Functions& all) {
  for (const auto& [name, part] : kCalendar) {
    all.emplace(
        name,
        Function{
            {ValueType::kTime, ValueType::kText},
            ValueType::kNumber,
            [part = part](const std::vector<Typed>& arguments) -> std::variant<NodePtr, Misuse> {
              const auto zone = zone_of(arguments, 1);
              if (const auto* misuse = std::get_if<Misuse>(&zone)) return *misuse;
              return call_of(
                  [zone = std::get<0>(zone), part](Timestamp time) -> std::optional<double> {
                    const auto local = local_time(zone, time);
                    if (!local) return std::nullopt;
                    return part(*local);
                  },
                  arguments);
            }});
  }
  all.emplace("date_trunc", Function{{ValueType::kText, ValueType::kTime, ValueType::kText},
                                     ValueType::kTime,
                                     date_trunc});
  all.emplace("+", Function{{ValueType::kTime, ValueType::kText}, ValueType::kTime, moved(1)});
  all.emplace("-", Function{{ValueType::kTime, ValueType::kText}, ValueType::kTime, moved(-1)});
  add(all, "seconds_between", [](Timestamp from, Timestamp to) -> std::optional<double> {
    std::int64_t micros = 0;
    if (__builtin_sub_overflow(to.micros, from.micros, &micros)) return std::nullopt;
    return static_cast<double>(micros) / 1e6;
  });
  add(all, "epoch", [](Timestamp time) { return static_cast<double>(time.micros) / 1e6; });
  add(all, "timestamp", [](Timestamp time) { return time; });
  all.emplace("timestamp", Function{{ValueType::kText}, ValueType::kTime, timestamp_of_text});
  add(all, "timestamp", [](double seconds) -> std::optional<Timestamp> {
    const double micros = std::round(seconds * 1e6);
    if (!(micros >= static_cast<double>(kFirst) && micros < static_cast<double>(kAfter)))
      return std::nullopt;
    return known(static_cast<std::int64_t>(micros));
  });
  add(all, "text", [](Timestamp time) -> std::optional<std::string> {
    if (!known(time.micros)) return std::nullopt;
    return types::to_rfc3339(time);
  });
}

}  // namespace slipway::features
