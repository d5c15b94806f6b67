// What keeps alerts quiet for a while: silences that somebody makes, and maintenance windows that
// slipway.yaml declares. A quiet alert is judged and shown; it isn't sent and does nothing. Pure
// functions but for the rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "store/db.h"
#include "types/yaml_reader.h"

namespace slipway::monitor {

// What alerts are told apart by.
struct AlertLabels {
  std::string endpoint, monitor, alert, severity;
};

// "endpoint=sale", "severity!=critical".
struct Matcher {
  std::string label;  // endpoint | monitor | alert | severity
  bool is_equal = true;
  std::string value;

  bool matches(const AlertLabels& labels) const;
  std::string text() const;
  bool operator==(const Matcher&) const = default;
};
Result<Matcher> parse_matcher(std::string_view text);  // kInvalidArgument
// All of them must match.
bool matches(const std::vector<Matcher>& matchers, const AlertLabels& labels);

struct Silence {
  std::int64_t id = 0;
  std::vector<Matcher> matchers;  // at least one
  base::Timestamp starts_at, ends_at;
  std::string created_by, comment;
  base::Timestamp created_at;

  std::string_view state(base::Timestamp now) const;  // "pending", "active" or "expired"
  JsonObject to_json(base::Timestamp now) const;
};

// A time that comes again: every day, or some weekdays, or some days of the month; or once.
struct MaintenanceWindow {
  std::string name;
  std::vector<Matcher> matchers;   // none: every alert
  std::vector<int> weekdays;       // 0 is Monday; none: every day
  std::vector<int> days_of_month;  // 1 is the first, -1 the last; none: every day
  int from_minute = 0;             // of the day, by the zone's clocks
  base::Duration length;
  std::string time_zone = "UTC";
  std::optional<base::Timestamp> start, end;  // once; then the others say nothing
  std::string why;

  // The end of the one that `time` falls into.
  std::optional<base::Timestamp> covers(base::Timestamp time) const;
  JsonObject to_json() const;  // in the shape of slipway.yaml, so that it is read back
  bool operator==(const MaintenanceWindow&) const = default;
};
// Reads the `maintenance:` part of a whole slipway.yaml. kInvalidArgument with line and column.
Result<std::vector<MaintenanceWindow>> parse_maintenance(const types::YamlSource& slipway_yaml);
// Reads one window's mapping: YAML, or the JSON of to_json().
Result<MaintenanceWindow> parse_maintenance_window(const std::string& name, std::string_view text);

// Why an alert is quiet, and for how long.
struct Quiet {
  std::string words;  // "silenced by ann until 2024-02-06T12:00:00Z: we deploy (silence 3)"
  base::Timestamp until;
};
// What lasts longest; nothing: it isn't.
std::optional<Quiet> find_quiet(const std::vector<Silence>& silences,
                                const std::vector<MaintenanceWindow>& maintenance,
                                const AlertLabels& labels, base::Timestamp now);

// Those that end after `after`, newest first.
Result<std::vector<Silence>> list_silences(store::Reader& reader, const std::string& workspace,
                                           base::Timestamp after);
Result<std::int64_t> insert_silence(store::Tx& tx, const std::string& workspace,
                                    const Silence& silence);

}  // namespace slipway::monitor
