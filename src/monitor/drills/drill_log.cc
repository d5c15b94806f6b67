#include "monitor/drills/drill_log.h"

#include <string_view>

#include "store/events.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr std::string_view kTable = R"sql(
CREATE TABLE drills(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  id INTEGER NOT NULL,
  actor TEXT NOT NULL,
  kept_at INTEGER NOT NULL,
  report TEXT NOT NULL,
  PRIMARY KEY(workspace, endpoint, id))
)sql";

Error at(const std::string& place, Error error) {
  return place.empty() ? error : std::move(error).with_context(place);
}

Result<const JsonArray*> list_in(const JsonObject& object, std::string_view key) {
  const Json* const found = object.if_contains(key);
  if (found == nullptr || !found->is_array())
    return base::error(Code::kInvalidArgument, "{} must be a list", key);
  return &found->get_array();
}

Result<void> check_delay(const JsonObject& object) {
  const auto delay = TRY(base::find_double(object, "delay_seconds"));
  if (delay && *delay < 0)
    return base::error(Code::kInvalidArgument, "delay_seconds must not be negative: {}", *delay);
  return {};
}

// An alert that fired because of a fault.
Result<void> check_noticed(const JsonObject& noticed) {
  TRY(base::get_string(noticed, "monitor"));
  TRY(base::get_string(noticed, "alert"));
  TRY(base::get_double(noticed, "delay_seconds"));
  return check_delay(noticed);
}

Result<void> check_suggestion(const JsonObject& verdict) {
  const Json* const found = verdict.if_contains("suggestion");
  if (found == nullptr || found->is_null()) return {};
  if (!found->is_object())
    return base::error(Code::kInvalidArgument, "suggestion must be an object or null");
  const JsonObject& suggestion = found->get_object();
  TRY(base::get_string(suggestion, "metric"));
  TRY(base::get_string(suggestion, "window"));
  TRY(base::get_int(suggestion, "min_rows"));
  const auto over = TRY(base::find_double(suggestion, "over"));
  const auto under = TRY(base::find_double(suggestion, "under"));
  if (over.has_value() == under.has_value())
    return base::error(Code::kInvalidArgument, "suggestion needs over or under");
  return check_delay(suggestion);
}

template <typename Check>
Result<void> check_each(const JsonObject& object, std::string_view key, const Check& check) {
  std::size_t index = 0;
  for (const Json& item : *TRY(list_in(object, key))) {
    const std::string place = fmt::format("{}[{}]", key, index++);
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "{} must be an object", place);
    if (Result<void> checked = check(item.get_object()); !checked)
      return at(place, std::move(checked).error());
  }
  return {};
}

Result<void> check_verdict(const JsonObject& verdict) {
  for (const char* text : {"fault", "what", "group"}) TRY(base::get_string(verdict, text));
  if (!TRY(base::find_bool(verdict, "caught")))
    return base::error(Code::kInvalidArgument, "caught is missing");
  for (const char* text : {"by", "not_recovered"}) TRY(base::find_string(verdict, text));
  for (const char* number : {"ramp_seconds", "share_when_caught", "smallest_share", "act_seconds",
                             "recovery_seconds", "harmed_until_recovered"})
    TRY(base::find_double(verdict, number));
  TRY(base::get_int(verdict, "harmed"));
  TRY(check_delay(verdict));
  TRY(check_suggestion(verdict));
  return check_each(verdict, "noticed", check_noticed);
}

// Of what the page and trends read.
Result<void> check_report(const JsonObject& report, const std::string& endpoint) {
  const std::string of = TRY(base::get_string(report, "endpoint"));
  if (of != endpoint)
    return base::error(Code::kInvalidArgument, "endpoint must be the one in the path: {} {}", of,
                       endpoint);
  const std::string grade = TRY(base::get_string(report, "grade"));
  if (grade.size() != 1 || grade < "A" || grade > "E")
    return base::error(Code::kInvalidArgument, "grade must be A to E: {}", grade);
  for (const char* count : {"caught", "faults_played", "false_pages"}) {
    if (const std::int64_t value = TRY(base::get_int(report, count)); value < 0)
      return base::error(Code::kInvalidArgument, "{} must not be negative: {}", count, value);
  }
  for (const char* time : {"from", "start", "until"}) {
    if (auto parsed = types::parse_rfc3339(TRY(base::get_string(report, time))); !parsed)
      return at(time, std::move(parsed).error());
  }
  TRY(check_each(report, "faults", check_verdict));
  return check_each(report, "controls", check_verdict);
}

constexpr std::string_view kColumns = "id, endpoint, actor, kept_at, report";

Result<std::vector<KeptDrill>> read_drills(store::Reader& reader, const std::string& where,
                                           store::Params params) {
  std::vector<KeptDrill> found;
  Result<void> outcome;
  TRY(reader.query(fmt::format("SELECT {} FROM drills WHERE {}", kColumns, where), params,
                   [&](const store::Row& row) {
                     KeptDrill drill{.id = row.int64(0),
                                     .endpoint = row.string(1),
                                     .actor = row.string(2),
                                     .time = row.time(3)};
                     auto report = base::parse_json_object(row.text(4));
                     if (report) {
                       drill.report = std::move(*report);
                       found.push_back(std::move(drill));
                     } else {
                       outcome = base::error(Code::kCorruption,
                                             "a kept drill is damaged: endpoint={} id={}",
                                             drill.endpoint, drill.id);
                     }
                   }));
  TRY(std::move(outcome));
  return found;
}

}  // namespace

store::RoomMigrations DrillLog::migrations() { return {"drills", {{1, kTable}}}; }

JsonObject KeptDrill::summary() const {
  JsonObject object{{"id", id}, {"time", types::to_rfc3339(time)}, {"actor", actor}};
  for (const char* member : {"endpoint", "grade", "caught", "faults_played", "false_pages"}) {
    if (const Json* value = report.if_contains(member)) object[member] = *value;
  }
  return object;
}

JsonObject KeptDrill::to_json() const {
  return {{"id", id}, {"time", types::to_rfc3339(time)}, {"actor", actor}, {"report", report}};
}

Result<KeptDrill> DrillLog::keep(const std::string& endpoint, JsonObject report,
                                 const std::string& actor) {
  if (Result<void> checked = check_report(report, endpoint); !checked)
    return at("report", std::move(checked).error());
  KeptDrill drill{.endpoint = endpoint, .actor = actor, .time = clock_.now()};
  drill.report = std::move(report);
  const std::string text = base::to_text(drill.report);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.query("SELECT COALESCE(MAX(id), 0) + 1 FROM drills WHERE workspace = ? AND endpoint = ?",
                 {workspace_, endpoint}, [&](const store::Row& row) { drill.id = row.int64(0); }));
    TRY(tx.execute(
        "INSERT INTO drills(workspace, endpoint, id, actor, kept_at, report) VALUES(?, ?, ?, ?, ?, "
        "?)",
        {workspace_, endpoint, drill.id, actor, drill.time, text}));
    TRY(tx.execute("DELETE FROM drills WHERE workspace = ? AND endpoint = ? AND id <= ?",
                   {workspace_, endpoint, drill.id - static_cast<std::int64_t>(kept_max_)}));
    return tx.append_event({.kind = "drill.kept",
                            .subject = fmt::format("endpoints/{}/drills/{}", endpoint, drill.id),
                            .actor = actor,
                            .payload = drill.summary(),
                            .event_time = drill.time});
  }));
  return drill;
}

Result<std::vector<KeptDrill>> DrillLog::of_endpoint(const std::string& endpoint) {
  return db_.read([&](store::Reader& reader) {
    return read_drills(reader, "workspace = ? AND endpoint = ? ORDER BY id DESC",
                       {workspace_, endpoint});
  });
}

Result<KeptDrill> DrillLog::get(const std::string& endpoint, std::int64_t id) {
  auto found = TRY(db_.read([&](store::Reader& reader) {
    return read_drills(reader, "workspace = ? AND endpoint = ? AND id = ?",
                       {workspace_, endpoint, id});
  }));
  if (found.empty())
    return base::error(Code::kNotFound, "no such drill: endpoint={} id={}", endpoint, id);
  return std::move(found.front());
}

}  // namespace slipway::monitor
