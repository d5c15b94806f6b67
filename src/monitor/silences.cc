#include "monitor/silences.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::array<std::string_view, 7> kWeekdays = {
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 4> kLabels = {"endpoint", "monitor", "alert", "severity"};
constexpr base::Duration kLongest = base::Duration::days(7);

template <typename Range>
bool contains(const Range& range, const auto& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

Result<std::vector<Matcher>> read_matchers(const YamlNode& node) {
  std::vector<Matcher> matchers;
  const auto add = [&](const YamlNode& item) -> Result<void> {
    auto matcher = parse_matcher(TRY(item.text()));
    if (!matcher) return item.error_of(matcher.error());
    matchers.push_back(std::move(*matcher));
    return {};
  };
  if (node.text()) {
    TRY(add(node));
    return matchers;
  }
  for (const YamlNode& item : TRY(node.list())) TRY(add(item));
  return matchers;
}

// "02:30" as minutes of the day.
Result<int> read_clock(const YamlNode& node) {
  const std::string text = TRY(node.text());
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
    const int hour = (text[0] - '0') * 10 + (text[1] - '0');
    const int minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (hour < 24 && minute < 60) return hour * 60 + minute;
  }
  return node.error("must be a time of day like \"02:30\": got={}", text);
}

Result<void> read_recurrence(YamlMap& map, MaintenanceWindow& window) {
  if (const auto days = map.find("days")) {
    for (const YamlNode& item : TRY(days->list())) {
      const std::string day = TRY(item.text());
      const auto found = std::find(kWeekdays.begin(), kWeekdays.end(), day);
      if (found == kWeekdays.end()) return item.error("must be a weekday like monday: got={}", day);
      window.weekdays.push_back(static_cast<int>(found - kWeekdays.begin()));
    }
  }
  if (const auto days = map.find("days_of_month")) {
    for (const YamlNode& item : TRY(days->list())) {
      const double day = TRY(item.number());
      if (!(std::abs(day) >= 1 && std::abs(day) <= 31) || day != std::trunc(day))
        return item.error("must be 1 to 31, or -1 to -31 from the month's end");
      window.days_of_month.push_back(static_cast<int>(day));
    }
  }
  const YamlNode from = TRY(map.get("from"));
  window.from_minute = TRY(read_clock(from));
  const YamlNode length = TRY(map.get("for"));
  window.length = TRY(length.duration());
  if (window.length.micros <= 0 || window.length > kLongest)
    return length.error("must be longer than nothing and at most 7d");
  if (const auto zone = map.find("time_zone")) window.time_zone = TRY(zone->text());
  try {
    date::locate_zone(window.time_zone);
  } catch (const std::exception&) {
    return from.error("no such time zone: time_zone={}", window.time_zone);
  }
  return {};
}

Result<MaintenanceWindow> read_window(const std::string& name, const YamlNode& node) {
  MaintenanceWindow window{.name = name};
  YamlMap map = TRY(node.map("maintenance " + name));
  if (const auto match = map.find("match")) window.matchers = TRY(read_matchers(*match));
  if (const auto why = map.find("why")) window.why = TRY(why->text());
  if (const auto start = map.find("start")) {
    window.start = TRY(start->time());
    const YamlNode end = TRY(map.get("end"));
    window.end = TRY(end.time());
    if (*window.end <= *window.start) return end.error("it must end after it begins");
  } else {
    TRY(read_recurrence(map, window));
  }
  TRY(map.finish());
  return window;
}

JsonArray texts_of(const std::vector<Matcher>& matchers) {
  JsonArray list;
  for (const Matcher& matcher : matchers) list.emplace_back(matcher.text());
  return list;
}

bool falls_on(const MaintenanceWindow& window, date::local_days day) {
  // 0 is Sunday there.
  const int weekday = static_cast<int>((date::weekday(day).c_encoding() + 6) % 7);
  if (!window.weekdays.empty() && !contains(window.weekdays, weekday)) return false;
  if (window.days_of_month.empty()) return true;
  const date::year_month_day parts(day);
  const date::year_month_day_last last(parts.year(), date::month_day_last(parts.month()));
  const int of_month = static_cast<int>(static_cast<unsigned>(parts.day()));
  const int days = static_cast<int>(static_cast<unsigned>(last.day()));
  return contains(window.days_of_month, of_month) ||
         contains(window.days_of_month, of_month - days - 1);
}

std::string because(const std::string& why) { return why.empty() ? "" : ": " + why; }

}  // namespace

bool Matcher::matches(const AlertLabels& labels) const {
  const std::string& is = label == "endpoint"  ? labels.endpoint
                          : label == "monitor" ? labels.monitor
                          : label == "alert"   ? labels.alert
                                               : labels.severity;
  return (is == value) == is_equal;
}

std::string Matcher::text() const { return label + (is_equal ? "=" : "!=") + value; }

Result<Matcher> parse_matcher(std::string_view text) {
  const std::size_t at = text.find('=');
  if (at != std::string_view::npos && at > 0) {
    const bool is_equal = text[at - 1] != '!';
    Matcher matcher{.label = std::string(text.substr(0, is_equal ? at : at - 1)),
                    .is_equal = is_equal,
                    .value = std::string(text.substr(at + 1))};
    const bool is_value = !matcher.value.empty() && !matcher.value.starts_with('=') &&
                          !matcher.value.starts_with('~');
    if (contains(kLabels, matcher.label) && is_value) return matcher;
  }
  return base::error(Code::kInvalidArgument,
                     "a matcher is LABEL=VALUE or LABEL!=VALUE, with a label of endpoint, monitor, "
                     "alert and severity; there are no patterns: got={}",
                     text);
}

bool matches(const std::vector<Matcher>& matchers, const AlertLabels& labels) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const Matcher& matcher) { return matcher.matches(labels); });
}

std::string_view Silence::state(base::Timestamp now) const {
  if (now >= ends_at) return "expired";
  return now < starts_at ? "pending" : "active";
}

JsonObject Silence::to_json(base::Timestamp now) const {
  return {{"id", id},
          {"state", state(now)},
          {"match", texts_of(matchers)},
          {"starts", types::to_rfc3339(starts_at)},
          {"ends", types::to_rfc3339(ends_at)},
          {"by", created_by},
          {"comment", comment},
          {"created", types::to_rfc3339(created_at)}};
}

std::optional<base::Timestamp> MaintenanceWindow::covers(base::Timestamp time) const {
  if (start && end) {
    if (time < *start || time >= *end) return std::nullopt;
    return *end;
  }
  using Micros = std::chrono::microseconds;
  const auto* zone = date::locate_zone(time_zone);
  const date::local_time<Micros> local =
      zone->to_local(date::sys_time<Micros>(Micros(time.micros)));
  const date::local_days today = date::floor<date::days>(local);
  const std::int64_t back = length.micros / base::Duration::days(1).micros + 1;
  std::optional<base::Timestamp> latest;
  for (std::int64_t day = 0; day <= back; ++day) {
    const date::local_days begins = today - date::days(static_cast<int>(day));
    if (!falls_on(*this, begins)) continue;
    const auto from =
        zone->to_sys(begins + std::chrono::minutes(from_minute), date::choose::earliest);
    const base::Timestamp first{
        std::chrono::duration_cast<Micros>(from.time_since_epoch()).count()};
    const base::Timestamp last = first + length;
    if (time >= first && time < last && (!latest || last > *latest)) latest = last;
  }
  return latest;
}

JsonObject MaintenanceWindow::to_json() const {
  JsonObject object{{"match", texts_of(matchers)}, {"why", why}};
  if (start && end) {
    object["start"] = types::to_rfc3339(*start);
    object["end"] = types::to_rfc3339(*end);
    return object;
  }
  if (!weekdays.empty()) {
    JsonArray days;
    for (const int day : weekdays) days.emplace_back(kWeekdays.at(static_cast<std::size_t>(day)));
    object["days"] = std::move(days);
  }
  if (!days_of_month.empty()) {
    JsonArray days;
    for (const int day : days_of_month) days.emplace_back(day);
    object["days_of_month"] = std::move(days);
  }
  object["from"] = fmt::format("{:02}:{:02}", from_minute / 60, from_minute % 60);
  object["for"] = types::to_text(length);
  object["time_zone"] = time_zone;
  return object;
}

Result<std::vector<MaintenanceWindow>> parse_maintenance(const types::YamlSource& slipway_yaml) {
  std::vector<MaintenanceWindow> windows;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return windows;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("maintenance");
  if (!section) return windows;
  for (const auto& [name, node] : TRY(section->entries())) {
    if (name.empty()) return node.error("a maintenance window needs a name");
    windows.push_back(TRY(read_window(name, node)));
  }
  return windows;
}

Result<MaintenanceWindow> parse_maintenance_window(const std::string& name, std::string_view text) {
  return read_window(name, TRY(YamlNode::parse(text)));
}

std::optional<Quiet> find_quiet(const std::vector<Silence>& silences,
                                const std::vector<MaintenanceWindow>& maintenance,
                                const AlertLabels& labels, base::Timestamp now) {
  std::optional<Quiet> longest;
  const auto take = [&](base::Timestamp until, const auto& words) {
    if (!longest || until > longest->until) longest = Quiet{words(), until};
  };
  for (const Silence& silence : silences) {
    if (silence.state(now) != "active" || !matches(silence.matchers, labels)) continue;
    take(silence.ends_at, [&] {
      return fmt::format("silenced by {} until {}{} (silence {})", silence.created_by,
                         types::to_rfc3339(silence.ends_at), because(silence.comment), silence.id);
    });
  }
  for (const MaintenanceWindow& window : maintenance) {
    if (!matches(window.matchers, labels)) continue;
    const auto until = window.covers(now);
    if (!until) continue;
    take(*until, [&] {
      return fmt::format("in maintenance until {}{} ({})", types::to_rfc3339(*until),
                         because(window.why), window.name);
    });
  }
  return longest;
}

Result<std::vector<Silence>> list_silences(store::Reader& reader, const std::string& workspace,
                                           base::Timestamp after) {
  std::vector<Silence> silences;
  Result<void> parsed;
  TRY(reader.query(
      "SELECT id, matchers, starts_at, ends_at, created_by, comment, created_at FROM "
      "monitor_silences WHERE workspace = ? AND ends_at > ? ORDER BY id DESC",
      {workspace, after}, [&](const store::Row& row) {
        Silence silence{.id = row.int64(0),
                        .starts_at = row.time(2),
                        .ends_at = row.time(3),
                        .created_by = row.string(4),
                        .comment = row.string(5),
                        .created_at = row.time(6)};
        const auto texts = base::parse_json(row.text(1));
        if (texts && texts->is_array()) {
          for (const Json& text : texts->get_array()) {
            auto matcher =
                parse_matcher(text.is_string() ? std::string_view(text.get_string()) : "");
            if (matcher) {
              silence.matchers.push_back(std::move(*matcher));
            } else {
              parsed = std::move(matcher).error();
            }
          }
        }
        silences.push_back(std::move(silence));
      }));
  TRY(std::move(parsed));
  return silences;
}

Result<std::int64_t> insert_silence(store::Tx& tx, const std::string& workspace,
                                    const Silence& silence) {
  std::int64_t id = 1;
  TRY(tx.query("SELECT COALESCE(MAX(id), 0) + 1 FROM monitor_silences WHERE workspace = ?",
               {workspace}, [&](const store::Row& row) { id = row.int64(0); }));
  TRY(
      tx.execute("INSERT INTO monitor_silences(workspace, id, matchers, starts_at, ends_at, "
                 "created_by, comment, created_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                 {workspace, id, base::to_text(texts_of(silence.matchers)), silence.starts_at,
                  silence.ends_at, silence.created_by, silence.comment, silence.created_at}));
  return id;
}

}  // namespace slipway::monitor
