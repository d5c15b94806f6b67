#include "pipelines/cron.h"

#include <date/tz.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

namespace slipway::pipelines {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kLookAheadSeconds = 50 * 366 * kDaySeconds;
constexpr std::size_t kTextLengthMax = 500;

enum Field : std::size_t { kSecond, kMinute, kHour, kDay, kMonth, kWeekday };
struct FieldRules {
  const char* name;
  unsigned low, high;
};
constexpr std::array<FieldRules, 6> kRules = {{{"second", 0, 59},
                                               {"minute", 0, 59},
                                               {"hour", 0, 23},
                                               {"day of month", 1, 31},
                                               {"month", 1, 12},
                                               {"day of week", 0, 7}}};
constexpr std::array<std::string_view, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays = {"SUN", "MON", "TUE", "WED",
                                                       "THU", "FRI", "SAT"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNicknames = {
    {{"@HOURLY", "0 * * * *"},
     {"@DAILY", "0 0 * * *"},
     {"@MIDNIGHT", "0 0 * * *"},
     {"@WEEKLY", "0 0 * * 0"},
     {"@MONTHLY", "0 0 1 * *"},
     {"@YEARLY", "0 0 1 1 *"},
     {"@ANNUALLY", "0 0 1 1 *"}}};

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\t') {
      ++i;
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" \t", i), text.size());
    found.push_back(text.substr(i, end - i));
    i = end;
  }
  return found;
}

Error bad(std::size_t field, std::string_view text, std::string_view why) {
  return base::error(Code::kInvalidArgument, "cron: {}: field={} got={}", why, kRules[field].name,
                     text);
}

Result<unsigned> number_of(std::size_t field, std::string_view text) {
  const auto named = [&](const auto& names) -> std::optional<unsigned> {
    const auto found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) return std::nullopt;
    return static_cast<unsigned>(found - names.begin());
  };
  if (field == kMonth) {
    if (const auto month = named(kMonths)) return *month + 1;
  }
  if (field == kWeekday) {
    if (const auto weekday = named(kWeekdays)) return *weekday;
  }
  unsigned value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size())
    return bad(field, text, "not a number, a name, or a range of them");
  if (value < kRules[field].low || value > kRules[field].high) {
    return base::error(Code::kInvalidArgument, "cron: must be {} to {}: field={} got={}",
                       kRules[field].low, kRules[field].high, kRules[field].name, text);
  }
  return value;
}

date::sys_seconds to_sys(std::int64_t second) {
  return date::sys_seconds(std::chrono::seconds(second));
}

}  // namespace

Result<void> check_time_zone(const std::string& zone) {
  if (zone.empty()) return {};
  try {
    date::locate_zone(zone);
  } catch (const std::exception&) {
    return base::error(Code::kInvalidArgument, "no such time zone: time_zone={}", zone);
  }
  return {};
}

base::Timestamp begin_of_day(std::int64_t day, const std::string& zone) {
  const std::chrono::seconds second(day * kDaySeconds);
  if (zone.empty()) return {second.count() * 1'000'000};
  const auto begin =
      date::locate_zone(zone)->to_sys(date::local_seconds(second), date::choose::earliest);
  return {begin.time_since_epoch().count() * 1'000'000};
}

Result<Cron> Cron::parse(std::string_view given) {
  if (given.size() > kTextLengthMax)
    return base::error(Code::kInvalidArgument, "cron: too long: bytes={} limit={}", given.size(),
                       kTextLengthMax);
  std::string text = upper(given);
  std::vector<std::string_view> fields = words(text);
  if (fields.size() == 1 && fields[0].starts_with('@')) {
    const auto known = std::find_if(kNicknames.begin(), kNicknames.end(),
                                    [&](const auto& each) { return each.first == fields[0]; });
    if (known == kNicknames.end()) {
      return base::error(Code::kInvalidArgument,
                         "cron: no such nickname: got={} known=@hourly, @daily, @midnight, "
                         "@weekly, @monthly, @yearly, @annually",
                         given);
    }
    fields = words(known->second);
  }
  if (fields.size() != 5 && fields.size() != 6) {
    return base::error(Code::kInvalidArgument,
                       "cron: needs five fields, minute to day of week, or six with seconds in "
                       "front: fields={} got={}",
                       fields.size(), given);
  }
  if (fields.size() == 5) fields.insert(fields.begin(), "0");
  for (const std::size_t day : {kDay, kWeekday}) {
    if (fields[day] == "?") fields[day] = "*";
  }
  Cron cron;
  cron.both_days_ = fields[kDay].starts_with('*') || fields[kWeekday].starts_with('*');
  cron.fixed_times_ = !fields[kMinute].starts_with('*') && !fields[kHour].starts_with('*');
  for (std::size_t field = 0; field < fields.size(); ++field)
    TRY(cron.parse_field(field, fields[field]));
  if (!cron.next_local(0, kLookAheadSeconds))
    return base::error(Code::kInvalidArgument, "cron: no date ever matches: got={}", given);
  return cron;
}

Result<void> Cron::parse_field(std::size_t field, std::string_view text) {
  for (const std::string_view term : split(text, ',')) TRY(parse_term(field, text, term));
  return {};
}

Result<void> Cron::parse_term(std::size_t field, std::string_view text, std::string_view term) {
  if (field == kDay && term == "L") {
    last_day_ = true;
    return {};
  }
  if (field == kDay && term == "LW") {
    last_workday_ = true;
    return {};
  }
  if (field == kWeekday && term.size() > 1 && term.ends_with('L')) {
    nth_[TRY(number_of(field, term.substr(0, term.size() - 1))) % 7].set(0);
    return {};
  }
  if (const std::size_t hash = term.find('#'); field == kWeekday && hash != term.npos) {
    const std::string_view which = term.substr(hash + 1);
    if (which.size() != 1 || which[0] < '1' || which[0] > '5')
      return bad(field, text, "after # comes which of the month, 1 to 5");
    nth_[TRY(number_of(field, term.substr(0, hash))) % 7].set(
        static_cast<std::size_t>(which[0] - '0'));
    return {};
  }
  unsigned step = 1;
  const std::size_t slash = term.find('/');
  const std::string_view range = term.substr(0, slash);
  if (slash != term.npos) {
    const std::string_view number = term.substr(slash + 1);
    const auto [end, ec] = std::from_chars(number.data(), number.data() + number.size(), step);
    if (ec != std::errc() || end != number.data() + number.size() || step == 0)
      return bad(field, text, "a step is a whole number from 1");
  }
  // A weekday 7 is Sunday again, so `*` ends before it.
  unsigned low = kRules[field].low;
  unsigned high = field == kWeekday ? 6 : kRules[field].high;
  if (range != "*") {
    const std::size_t dash = range.find('-');
    low = TRY(number_of(field, range.substr(0, dash)));
    if (dash != range.npos) {
      high = TRY(number_of(field, range.substr(dash + 1)));
      if (high < low) return bad(field, text, "a range ends before it begins");
    } else if (slash == term.npos) {
      high = low;
    }
  }
  // In 64 bits: a step may be as large as a number gets.
  for (std::uint64_t value = low; value <= high; value += step)
    fields_[field].set(field == kWeekday ? value % 7 : value);
  return {};
}

bool Cron::matches_day(std::int64_t day) const {
  const date::local_days local{date::days{static_cast<int>(day)}};
  const date::year_month_day ymd{local};
  const auto month = static_cast<unsigned>(ymd.month());
  if (!fields_[kMonth].test(month)) return false;
  const auto number = static_cast<unsigned>(ymd.day());
  const auto last = static_cast<unsigned>((ymd.year() / ymd.month() / date::last).day());
  const unsigned weekday = date::weekday{local}.c_encoding();
  bool of_month = fields_[kDay].test(number) || (last_day_ && number == last);
  if (last_workday_ && weekday >= 1 && weekday <= 5)
    of_month |= number == last || (weekday == 5 && last - number <= 2);
  const bool of_week = fields_[kWeekday].test(weekday) || nth_[weekday].test((number + 6) / 7) ||
                       (nth_[weekday].test(0) && number + 7 > last);
  return both_days_ ? of_month && of_week : of_month || of_week;
}

std::optional<std::int64_t> Cron::next_local(std::int64_t from, std::int64_t to) const {
  std::int64_t day = floor_div(from, kDaySeconds);
  std::int64_t second = from - day * kDaySeconds;
  for (; day * kDaySeconds + second < to; ++day, second = 0) {
    if (!matches_day(day)) continue;
    for (auto hour = static_cast<std::size_t>(second / 3600); hour < 24; ++hour) {
      if (!fields_[kHour].test(hour)) continue;
      const std::int64_t in_hour =
          std::max<std::int64_t>(second - static_cast<std::int64_t>(hour) * 3600, 0);
      for (auto minute = static_cast<std::size_t>(in_hour / 60); minute < 60; ++minute) {
        if (!fields_[kMinute].test(minute)) continue;
        const std::int64_t in_minute =
            std::max<std::int64_t>(in_hour - static_cast<std::int64_t>(minute) * 60, 0);
        for (auto each = static_cast<std::size_t>(in_minute); each < 60; ++each) {
          if (!fields_[kSecond].test(each)) continue;
          const std::int64_t found =
              day * kDaySeconds + static_cast<std::int64_t>(hour * 3600 + minute * 60 + each);
          if (found < to) return found;
          return std::nullopt;
        }
      }
    }
  }
  return std::nullopt;
}

std::optional<base::Timestamp> Cron::next(base::Timestamp after, const std::string& zone) const {
  const std::int64_t first = floor_div(after.micros, 1'000'000) + 1;  // the first whole second
  const std::int64_t limit = first + kLookAheadSeconds;
  const auto at = [](std::int64_t second) { return base::Timestamp{second * 1'000'000}; };
  if (zone.empty() || zone == "UTC") {
    const auto found = next_local(first, limit);
    return found ? std::optional(at(*found)) : std::nullopt;
  }
  const date::time_zone* const place = date::locate_zone(zone);
  // From one change of the clocks to the next; in each stretch local time is real time and an
  // offset.
  for (std::int64_t begin = first; begin < limit;) {
    const date::sys_info stretch = place->get_info(to_sys(begin));
    const std::int64_t offset = stretch.offset.count();
    const std::int64_t end = std::min(stretch.end.time_since_epoch().count(), limit);
    std::int64_t local = begin + offset;
    const std::int64_t change = stretch.begin.time_since_epoch().count();
    if (fixed_times_ && change > begin - 2 * kDaySeconds) {
      // What came before the clocks were put back has had its turn; what they skipped comes first.
      const std::int64_t before = place->get_info(to_sys(change - 1)).offset.count();
      if (before > offset) local = std::max(local, change + before);
      if (before < offset && begin == change && next_local(change + before, change + offset))
        return at(change);
    }
    if (const auto found = next_local(local, end + offset)) return at(*found - offset);
    begin = end;
  }
  return std::nullopt;
}

}  // namespace slipway::pipelines
