// The monitor's side of what keeps alerts quiet, and of people who have seen them.
#include <algorithm>

#include "monitor/monitor.h"
#include "types/timestamp.h"

namespace slipway::monitor {

Result<std::vector<DefinitionChange>> Monitor::plan_maintenance(
    const std::vector<MaintenanceWindow>& windows) {
  std::vector<DefinitionChange> changes;
  const std::vector<MaintenanceWindow> known = maintenance();
  const auto find = [](const std::vector<MaintenanceWindow>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(),
                        [&](const MaintenanceWindow& window) { return window.name == name; });
  };
  for (const MaintenanceWindow& window : windows) {
    const auto before = find(known, window.name);
    changes.push_back({.kind = "maintenance",
                       .name = window.name,
                       .change = before == known.end() ? "created"
                                 : *before == window   ? "unchanged"
                                                       : "updated"});
  }
  for (const MaintenanceWindow& window : known) {
    if (find(windows, window.name) == windows.end())
      changes.push_back({.kind = "maintenance", .name = window.name, .change = "deleted"});
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Monitor::apply_maintenance(
    const std::vector<MaintenanceWindow>& windows, const std::string& actor) {
  base::MutexLock turn(advance_mutex_);
  std::vector<DefinitionChange> changes = TRY(plan_maintenance(windows));
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (const DefinitionChange& change : changes) {
      if (change.change == "unchanged") continue;
      store::EventDraft event{.kind = "maintenance." + change.change,
                              .subject = "maintenance/" + change.name,
                              .actor = actor,
                              .event_time = now,
                              .workspace = workspace_};
      TRY(tx.execute("DELETE FROM monitor_maintenance WHERE workspace = ? AND name = ?",
                     {workspace_, change.name}));
      for (const MaintenanceWindow& window : windows) {
        if (window.name != change.name) continue;
        event.payload["definition"] = window.to_json();
        TRY(tx.execute(
            "INSERT INTO monitor_maintenance(workspace, name, definition) VALUES(?, ?, ?)",
            {workspace_, window.name, base::to_text(window.to_json())}));
      }
      TRY(tx.append_event(event));
    }
    return {};
  }));
  base::MutexLock lock(mutex_);
  maintenance_ = windows;
  return changes;
}

std::vector<MaintenanceWindow> Monitor::maintenance() {
  base::MutexLock lock(mutex_);
  return maintenance_;
}

Result<Silence> Monitor::add_silence(Silence draft) {
  draft.created_at = clock_.now();
  const auto wrong = [](std::string_view why) {
    return base::error(Code::kInvalidArgument, "{}", why);
  };
  if (draft.matchers.empty()) return wrong("a silence needs a matcher, such as endpoint=NAME");
  if (draft.comment.empty()) return wrong("a silence needs a comment that says why");
  if (draft.ends_at <= draft.starts_at) return wrong("a silence must end after it begins");
  if (draft.ends_at <= draft.created_at) return wrong("a silence must end after now");
  return db_.write([&](store::Tx& tx) -> Result<Silence> {
    Silence made = draft;
    made.id = TRY(insert_silence(tx, workspace_, draft));
    TRY(tx.append_event({.kind = "silence.created",
                         .subject = fmt::format("silences/{}", made.id),
                         .actor = made.created_by,
                         .payload = made.to_json(made.created_at),
                         .event_time = made.created_at,
                         .workspace = workspace_}));
    return made;
  });
}

Result<Silence> Monitor::expire_silence(std::int64_t id, const std::string& actor) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Silence> {
    std::vector<Silence> all = TRY(list_silences(tx, workspace_, {INT64_MIN}));
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Silence& each) { return each.id == id; });
    if (found == all.end()) return base::error(Code::kNotFound, "no such silence: id={}", id);
    if (found->state(now) == "expired")
      return base::error(Code::kFailedPrecondition, "the silence is over: id={}", id);
    found->starts_at = std::min(found->starts_at, now);
    found->ends_at = now;
    TRY(tx.execute(
        "UPDATE monitor_silences SET starts_at = ?, ends_at = ? WHERE workspace = ? AND id = ?",
        {found->starts_at, now, workspace_, id}));
    TRY(tx.append_event({.kind = "silence.expired",
                         .subject = fmt::format("silences/{}", id),
                         .actor = actor,
                         .event_time = now,
                         .workspace = workspace_}));
    return std::move(*found);
  });
}

Result<std::vector<Silence>> Monitor::silences(base::Timestamp after) {
  return db_.read([&](store::Reader& reader) { return list_silences(reader, workspace_, after); });
}

Result<AlertRecord> Monitor::acknowledge(std::int64_t alert, const std::string& actor,
                                         const std::string& comment) {
  const base::Timestamp now = clock_.now();
  if (alert <= 0) return base::error(Code::kNotFound, "no such alert: id={}", alert);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const auto found = TRY(list_alerts(tx, workspace_, {.id = alert}));
    if (found.empty()) return base::error(Code::kNotFound, "no such alert: id={}", alert);
    const AlertRecord& open = found.front();
    if (!open.is_open())
      return base::error(Code::kFailedPrecondition, "the alert is resolved: id={}", alert);
    TRY(
        tx.execute("UPDATE monitor_alerts SET acknowledged_at = ?, acknowledged_by = ?, "
                   "acknowledged_comment = ? WHERE workspace = ? AND id = ?",
                   {now, actor, comment, workspace_, alert}));
    return tx.append_event(
        {.kind = "alert.acknowledged",
         .subject = fmt::format("monitors/{}/alerts/{}", open.monitor, open.alert),
         .actor = actor,
         .payload = {{"id", alert}, {"endpoint", open.endpoint}, {"comment", comment}},
         .event_time = now,
         .workspace = workspace_});
  }));
  auto seen = TRY(alerts({.id = alert}));
  CHECK(!seen.empty());
  return std::move(seen.front());
}

Result<std::vector<AlertRecord>> Monitor::untold_alerts() {
  bool any = false;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT 1 FROM monitor_alerts WHERE workspace = ? AND resolved_at IS NULL "
        "AND told_at IS NULL LIMIT 1",
        {workspace_}, [&](const store::Row&) { any = true; });
  }));
  std::vector<AlertRecord> open;
  if (!any) return open;
  open = TRY(alerts({.open_only = true}));
  std::erase_if(open, [](const AlertRecord& alert) { return alert.told_at.has_value(); });
  return open;
}

// As Alertmanager has it: what still fires when the silence ends is told of then; what was resolved
// meanwhile never is.
Result<void> Monitor::end_silences(base::Timestamp now) {
  for (AlertRecord& alert : TRY(untold_alerts())) {
    if (alert.quiet) continue;
    alert.told_at = now;
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      // A detector may have resolved it meanwhile.
      if (TRY(tx.execute("UPDATE monitor_alerts SET told_at = ? WHERE workspace = ? AND id = ? AND "
                         "resolved_at IS NULL AND told_at IS NULL",
                         {now, workspace_, alert.id})) == 0)
        return {};
      return tx.append_event(
          {.kind = "alert.silence_ended",
           .subject = fmt::format("monitors/{}/alerts/{}", alert.monitor, alert.alert),
           .payload = alert.news(alert.last_value),
           .event_time = now,
           .workspace = workspace_});
    }));
  }
  return {};
}

}  // namespace slipway::monitor
