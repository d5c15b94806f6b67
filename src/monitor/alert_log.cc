#include "monitor/alert_log.h"

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

constexpr std::string_view kActionColumns =
    "id, alert_id, monitor, endpoint, alert, action, pipeline, params, state, reason, run_id, "
    "decided_at, finished_at, kind, model, about_revision, revision, incident";

Result<ActionRecord> read_action(const store::Row& row) {
  ActionRecord action{.id = row.int64(0),
                      .alert_id = row.int64(1),
                      .monitor = row.string(2),
                      .endpoint = row.string(3),
                      .alert = row.string(4),
                      .action = row.string(5),
                      .pipeline = row.string(6),
                      .model = row.string(14),
                      .about_revision = row.int64(15),
                      .state = row.string(8),
                      .reason = row.string(9),
                      .run_id = row.string(10),
                      .revision = row.int64(16),
                      .incident = row.int64(17),
                      .decided_at = row.time(11)};
  action.kind = TRY(parse_action_kind(row.text(13)));
  for (const auto& [name, value] : TRY(base::parse_json_object(row.text(7)))) {
    if (value.is_string()) action.params[name] = value.as_string();
  }
  if (!row.is_null(12)) action.finished_at = row.time(12);
  return action;
}

// Runs a query whose rows are actions.
Result<std::vector<ActionRecord>> read_actions(store::Reader& reader, const std::string& where,
                                               store::Params params) {
  std::vector<ActionRecord> actions;
  Result<void> parsed;
  TRY(reader.query(fmt::format("SELECT {} FROM monitor_actions WHERE {}", kActionColumns, where),
                   params, [&](const store::Row& row) {
                     Result<ActionRecord> action = read_action(row);
                     if (action) {
                       actions.push_back(std::move(*action));
                     } else {
                       parsed = std::move(action).error();
                     }
                   }));
  TRY(std::move(parsed));
  return actions;
}

Result<std::vector<std::string>> read_texts(std::string_view text) {
  std::vector<std::string> texts;
  const Json list = TRY(base::parse_json(text));
  if (!list.is_array()) return texts;
  for (const Json& item : list.get_array()) {
    if (item.is_string()) texts.emplace_back(std::string_view(item.get_string()));
  }
  return texts;
}

JsonArray to_json(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

Result<AlertRecord> read_alert(const store::Row& row) {
  AlertRecord alert{.id = row.int64(0),
                    .monitor = row.string(1),
                    .endpoint = row.string(2),
                    .alert = row.string(3),
                    .metric = row.string(4),
                    .value = row.real(5),
                    .threshold = row.real(6),
                    .window = {row.time(8), row.time(9)},
                    .opened_at = row.time(11),
                    .windows = row.int64(12),
                    .last_value = row.real(13),
                    .last_window_end = row.time(14)};
  alert.kind = TRY(parse_window(row.text(7)));
  Json causes = TRY(base::parse_json(row.text(10)));
  if (causes.is_array()) alert.causes = std::move(causes.as_array());
  if (!row.is_null(15)) alert.resolved_at = row.time(15);
  alert.severity = row.string(16);
  if (!row.is_null(17)) alert.routes = TRY(read_texts(row.text(17)));
  if (!row.is_null(18)) alert.told_at = row.time(18);
  if (!row.is_null(19)) {
    alert.acknowledged = AlertRecord::Acknowledgement{
        .by = row.string(20), .comment = row.string(21), .at = row.time(19)};
  }
  alert.why = row.string(22);
  return alert;
}

Result<std::int64_t> next_id(store::Tx& tx, std::string_view table, const std::string& workspace) {
  std::int64_t id = 1;
  TRY(tx.query(fmt::format("SELECT COALESCE(MAX(id), 0) + 1 FROM {} WHERE workspace = ?", table),
               {workspace}, [&](const store::Row& row) { id = row.int64(0); }));
  return id;
}

}  // namespace

JsonObject ActionRecord::to_json() const {
  JsonObject object{{"id", id},
                    {"kind", action},
                    {"does", action_kind_name(kind)},
                    {"pipeline", pipeline},
                    {"state", state},
                    {"reason", reason},
                    {"time", types::to_rfc3339(decided_at)}};
  object["revision"] = revision == 0 ? Json(nullptr) : Json(revision);
  object["incident"] = incident == 0 ? Json(nullptr) : Json(incident);
  object["run_id"] = run_id.empty() ? Json(nullptr) : Json(run_id);
  object["finished"] = finished_at ? Json(types::to_rfc3339(*finished_at)) : Json(nullptr);
  return object;
}

const ActionRecord* AlertRecord::main_action() const {
  const ActionRecord* newest = nullptr;
  for (const ActionRecord& action : actions) {
    if (newest == nullptr || action.state != "skipped" || newest->state == "skipped") {
      newest = &action;
    }
  }
  return newest;
}

std::string AlertRecord::unit_words() const {
  std::string words;
  for (const Json& cause : causes) {
    if (!cause.is_object()) continue;
    const auto feature = base::find_string(cause.get_object(), "feature");
    const auto unit = base::find_string(cause.get_object(), "unit");
    if (feature && *feature && unit && *unit) words += fmt::format("; {}: {}", **feature, **unit);
  }
  return words;
}

JsonObject AlertRecord::to_json() const {
  JsonObject object{{"id", id},
                    {"time", types::to_rfc3339(opened_at)},
                    {"monitor", monitor},
                    {"endpoint", endpoint},
                    {"alert", alert},
                    {"severity", severity},
                    {"routes", monitor::to_json(routes)},
                    {"metric", metric},
                    {"value", value},
                    {"threshold", threshold},
                    {"why", why},
                    {"window", window_name(kind)},
                    {"window_start", types::to_rfc3339(window.start)},
                    {"window_end", types::to_rfc3339(window.end)},
                    {"windows", windows},
                    {"last_value", last_value},
                    {"last_window_end", types::to_rfc3339(last_window_end)},
                    {"state", is_open() ? "open" : "resolved"},
                    {"causes", causes}};
  object["silenced"] = quiet ? Json(quiet->words) : Json(nullptr);
  object["acknowledged"] = nullptr;
  if (acknowledged) {
    object["acknowledged"] = JsonObject{{"by", acknowledged->by},
                                        {"comment", acknowledged->comment},
                                        {"time", types::to_rfc3339(acknowledged->at)}};
  }
  object["resolved"] = resolved_at ? Json(types::to_rfc3339(*resolved_at)) : Json(nullptr);
  const ActionRecord* main = main_action();
  object["action"] = main != nullptr ? Json(main->to_json()) : Json(nullptr);
  JsonArray all;
  for (const ActionRecord& action : actions) all.push_back(action.to_json());
  object["actions"] = std::move(all);
  return object;
}

JsonObject AlertRecord::news(double at) const {
  JsonObject object{{"id", id},
                    {"monitor", monitor},
                    {"alert", alert},
                    {"endpoint", endpoint},
                    {"severity", severity},
                    {"metric", metric},
                    {"value", at},
                    {"threshold", threshold},
                    {"window", window_name(kind)},
                    {"window_start", types::to_rfc3339(window.start)},
                    {"opened_at", types::to_rfc3339(opened_at)},
                    {"causes", causes}};
  if (!why.empty()) object["why"] = why;
  object["routes"] = told_at ? monitor::to_json(routes) : JsonArray();
  if (quiet) object["silenced"] = quiet->words;
  object["action"] = nullptr;
  if (const ActionRecord* main = main_action()) {
    object["action"] = main->news();
  }
  if (resolved_at) object["resolved_at"] = types::to_rfc3339(*resolved_at);
  return object;
}

JsonObject ActionRecord::news() const {
  return {{"name", action},
          {"starts", state != "skipped"},
          {"state", state},
          {"run_id", run_id},
          {"reason", reason}};
}

Result<std::vector<AlertRecord>> list_alerts(store::Reader& reader, const std::string& workspace,
                                             const AlertFilter& filter) {
  std::vector<AlertRecord> alerts;
  Result<void> parsed;
  TRY(reader.query(
      "SELECT id, monitor, endpoint, alert, metric, value, threshold, window_kind, window_start, "
      "window_end, causes, opened_at, windows, last_value, last_window_end, resolved_at, severity, "
      "routes, told_at, acknowledged_at, acknowledged_by, acknowledged_comment, why "
      "FROM monitor_alerts WHERE workspace = ? AND (? = 0 OR id = ?) "
      "AND (? = '' OR monitor = ?) "
      "AND (? = '' OR endpoint = ?) AND (? = '' OR alert = ?) "
      "AND (? = 0 OR resolved_at IS NULL) AND opened_at >= ? ORDER BY id DESC LIMIT ?",
      {workspace, filter.id, filter.id, filter.monitor, filter.monitor, filter.endpoint,
       filter.endpoint, filter.alert, filter.alert, filter.open_only,
       filter.opened_from.value_or(base::Timestamp{INT64_MIN}), filter.limit},
      [&](const store::Row& row) {
        Result<AlertRecord> alert = read_alert(row);
        if (alert) {
          alerts.push_back(std::move(*alert));
        } else {
          parsed = std::move(alert).error();
        }
      }));
  TRY(std::move(parsed));
  for (AlertRecord& alert : alerts) {
    alert.actions = TRY(
        read_actions(reader, "workspace = ? AND alert_id = ? ORDER BY id", {workspace, alert.id}));
  }
  return alerts;
}

Result<std::int64_t> insert_alert(store::Tx& tx, const std::string& workspace,
                                  const AlertRecord& alert) {
  const std::int64_t id = TRY(next_id(tx, "monitor_alerts", workspace));
  TRY(tx.execute(
      "INSERT INTO monitor_alerts(workspace, id, monitor, endpoint, alert, metric, "
      "value, threshold, "
      "window_kind, window_start, window_end, causes, opened_at, windows, last_value, "
      "last_window_end, severity, routes, told_at, why) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {workspace,
       id,
       alert.monitor,
       alert.endpoint,
       alert.alert,
       alert.metric,
       alert.value,
       alert.threshold,
       window_name(alert.kind),
       alert.window.start,
       alert.window.end,
       base::to_text(Json(alert.causes)),
       alert.opened_at,
       alert.windows,
       alert.last_value,
       alert.last_window_end,
       alert.severity,
       base::to_text(monitor::to_json(alert.routes)),
       alert.told_at,
       alert.why}));
  return id;
}

Result<std::int64_t> insert_action(store::Tx& tx, const std::string& workspace,
                                   const ActionRecord& action) {
  const std::int64_t id = TRY(next_id(tx, "monitor_actions", workspace));
  JsonObject params;
  for (const auto& [name, value] : action.params) params[name] = value;
  TRY(tx.execute(
      "INSERT INTO monitor_actions(workspace, id, alert_id, monitor, endpoint, alert, action, "
      "pipeline, params, state, reason, decided_at, kind, model, about_revision) VALUES(?, ?, ?, "
      "?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      {workspace, id, action.alert_id, action.monitor, action.endpoint, action.alert, action.action,
       action.pipeline, base::to_text(params), action.state, action.reason, action.decided_at,
       action_kind_name(action.kind), action.model, action.about_revision}));
  return id;
}

Result<void> update_action(store::Tx& tx, const std::string& workspace,
                           const ActionRecord& action) {
  const std::int64_t changed = TRY(tx.execute(
      "UPDATE monitor_actions SET state = ?, reason = ?, run_id = ?, revision = ?, incident = ?, "
      "finished_at = ? WHERE workspace = ? AND id = ?",
      {action.state, action.reason, action.run_id, action.revision, action.incident,
       action.finished_at, workspace, action.id}));
  if (changed != 1) return base::error(Code::kNotFound, "no such action: id={}", action.id);
  return {};
}

Result<std::vector<ActionRecord>> list_actions(store::Reader& reader, const std::string& workspace,
                                               const std::vector<std::string>& states) {
  std::vector<ActionRecord> actions;
  for (const std::string& state : states) {
    auto more =
        TRY(read_actions(reader, "workspace = ? AND state = ? ORDER BY id", {workspace, state}));
    std::move(more.begin(), more.end(), std::back_inserter(actions));
  }
  std::sort(actions.begin(), actions.end(),
            [](const ActionRecord& a, const ActionRecord& b) { return a.id < b.id; });
  return actions;
}

}  // namespace slipway::monitor
