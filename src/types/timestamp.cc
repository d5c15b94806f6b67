#include "types/timestamp.h"

#include <charconv>
#include <chrono>

namespace slipway::types {
namespace {

constexpr std::int64_t kDayMicros = 86'400'000'000;

constexpr std::int64_t micros_at_new_year(int year) {
  return std::chrono::sys_days{std::chrono::year{year} / 1 / 1}.time_since_epoch().count() *
         kDayMicros;
}
constexpr std::int64_t kYear0 = micros_at_new_year(0), kYear10000 = micros_at_new_year(10'000);

std::int64_t floor_to(std::int64_t value, std::int64_t unit) {
  const std::int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

// Reads exactly `digits` digits off the front of `text`.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) return false;
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

struct Unit {
  std::string_view name;
  std::int64_t micros;
};
constexpr Unit kUnits[] = {{"w", 7 * kDayMicros}, {"d", kDayMicros}, {"h", 3'600'000'000},
                           {"m", 60'000'000},     {"s", 1'000'000},  {"ms", 1'000}};

// A century: what is added to a time stays one that can be written.
constexpr Duration kDurationMax{36'500 * kDayMicros};

}  // namespace

std::string to_rfc3339(Timestamp time) {
  using namespace std::chrono;
  const sys_days day{days{floor_to(time.micros, kDayMicros) / kDayMicros}};
  const year_month_day date{day};
  const std::int64_t in_day = time.micros - floor_to(time.micros, kDayMicros);
  const std::int64_t seconds = in_day / 1'000'000;
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (const std::int64_t fraction = in_day % 1'000'000; fraction != 0)
    out += fmt::format(".{:06}", fraction);
  return out + "Z";
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const std::string_view whole = text;
  const auto refuse = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument, "not an RFC 3339 time: {}: text={}", why, whole);
  };
  int year_number, month_number, day_number;
  if (!take_number(text, 4, year_number) || !take(text, '-') ||
      !take_number(text, 2, month_number) || !take(text, '-') ||
      !take_number(text, 2, day_number)) {
    return refuse("expected YYYY-MM-DD");
  }
  const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!date.ok()) return refuse("no such day");
  std::int64_t micros = sys_days{date}.time_since_epoch().count() * kDayMicros;
  if (text.empty()) return Timestamp{micros};

  int hour, minute, second = 0;
  if ((!take(text, 'T') && !take(text, 't') && !take(text, ' ')) || !take_number(text, 2, hour) ||
      !take(text, ':') || !take_number(text, 2, minute)) {
    return refuse("expected HH:MM after the date");
  }
  if (take(text, ':') && !take_number(text, 2, second)) return refuse("expected seconds");
  if (hour > 23 || minute > 59 || second > 60) return refuse("no such time of day");
  micros += ((hour * 60LL + minute) * 60 + second) * 1'000'000;
  if (take(text, '.')) {
    std::int64_t scale = 100'000;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      micros += (text.front() - '0') * scale;
      scale /= 10;
      ++digits;
      text.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return refuse("expected one to nine digits of fraction");
  }
  if (text == "Z" || text == "z") return Timestamp{micros};
  if (text.empty()) return refuse("the zone is missing (end with Z for UTC)");
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return refuse("expected a zone");
  int zone_hour, zone_minute;
  if (!take_number(text, 2, zone_hour)) return refuse("expected a zone like +02:00");
  take(text, ':');
  if (!take_number(text, 2, zone_minute) || !text.empty() || zone_hour > 23 || zone_minute > 59) {
    return refuse("expected a zone like +02:00");
  }
  micros -= sign * (zone_hour * 60LL + zone_minute) * 60'000'000;
  // A zone can push the instant out of the four digits that RFC 3339 has for a year.
  if (micros < kYear0 || micros >= kYear10000) return refuse("the year is not 0000 to 9999 in UTC");
  return Timestamp{micros};
}

Result<Duration> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (ec == std::errc() && number >= 0) {
    for (const Unit& known : kUnits) {
      if (unit == known.name && number <= kDurationMax.micros / known.micros) {
        return Duration{number * known.micros};
      }
    }
  }
  return base::error(Code::kInvalidArgument,
                     "not a duration (a whole number and ms, s, m, h, d or w, at most {}): text={}",
                     to_text(kDurationMax), text);
}

std::string to_text(Duration duration) {
  for (const Unit& unit : kUnits) {
    if (unit.name == "w") continue;  // 21d reads better than 3w
    if (duration.micros != 0 && duration.micros % unit.micros == 0)
      return fmt::format("{}{}", duration.micros / unit.micros, unit.name);
  }
  return duration.micros == 0 ? "0s" : fmt::format("{}us", duration.micros);
}

Timestamp start_of_day(Timestamp time) { return {floor_to(time.micros, kDayMicros)}; }

Timestamp start_of_week(Timestamp time) {
  constexpr std::int64_t kFirstMonday = 4 * kDayMicros;  // 1970-01-05
  return {floor_to(time.micros - kFirstMonday, 7 * kDayMicros) + kFirstMonday};
}

}  // namespace slipway::types
