#include "monitor/monitor.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "monitor/metrics.h"
#include "types/timestamp.h"

namespace slipway::monitor {

base::Timestamp Monitor::Cursor::due() const {
  if (!waits_for_labels()) return at_hand.end;
  if (!waiting) return window.end;
  return std::min(complete_at(), at_hand.end);
}

base::Timestamp Monitor::Cursor::complete_at() const {
  const base::Timestamp latest = window.end + definition->complete_after;
  const auto needed = static_cast<std::size_t>(
      std::ceil(definition->complete_share * static_cast<double>(waiting->rows) - 1e-9));
  if (needed == 0) return window.end;
  if (waiting->arrivals.size() < needed) return latest;
  std::vector<base::Timestamp> arrivals = waiting->arrivals;
  const auto at = arrivals.begin() + static_cast<std::ptrdiff_t>(needed - 1);
  std::nth_element(arrivals.begin(), at, arrivals.end());
  return std::min(latest, std::max(window.end, *at));
}

Monitor::Monitor(store::Db& db, const base::Clock& clock, Ports ports, base::Metrics& metrics,
                 std::string workspace, SampleLimits limits)
    : db_(db),
      clock_(clock),
      ports_(ports),
      workspace_(workspace),
      limits_(limits),
      labels_(db, workspace),
      windows_judged_(metrics.counter("slipway_monitor_windows_judged_total",
                                      "Windows of event time that were judged.")),
      alerts_opened_(
          metrics.counter("slipway_monitor_alerts_opened_total", "Alerts that were opened.")),
      actions_started_(
          metrics.counter("slipway_monitor_actions_started_total", "Actions that alerts started.")),
      actions_skipped_(metrics.counter("slipway_monitor_actions_skipped_total",
                                       "Actions that a guard did not let start.")) {}

Result<std::unique_ptr<Monitor>> Monitor::open(store::Db& db, const base::Clock& clock, Ports ports,
                                               base::Metrics& metrics, std::string workspace,
                                               SampleLimits limits) {
  std::unique_ptr<Monitor> monitor(
      new Monitor(db, clock, ports, metrics, std::move(workspace), limits));
  TRY(monitor->load());
  return monitor;
}

Result<void> Monitor::load() {
  struct Stored {
    std::string name, text;
  };
  std::vector<Stored> stored;
  struct Position {
    std::string monitor, kind;
    base::Timestamp next_start, at_hand;
  };
  std::vector<Position> cursors;
  std::vector<Stored> maintenance;
  std::optional<std::string> budget;
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    budget = TRY(reader.find("SELECT definition FROM monitor_alarm_budgets WHERE workspace = ?",
                             {workspace_}, [](const store::Row& row) { return row.string(0); }));
    TRY(reader.query(
        "SELECT name, definition FROM monitor_maintenance WHERE workspace = ? ORDER BY name",
        {workspace_}, [&](const store::Row& row) {
          maintenance.push_back({row.string(0), row.string(1)});
        }));
    TRY(reader.query(
        "SELECT name, definition FROM monitor_definitions WHERE workspace = ? ORDER BY name",
        {workspace_}, [&](const store::Row& row) {
          stored.push_back({row.string(0), row.string(1)});
        }));
    return reader.query(
        "SELECT monitor, window_kind, next_start, COALESCE(at_hand, next_start) FROM "
        "monitor_cursors WHERE workspace = ? ORDER BY monitor, window_kind",
        {workspace_}, [&](const store::Row& row) {
          cursors.push_back({row.string(0), row.string(1), row.time(2), row.time(3)});
        });
  }));
  base::MutexLock turn(advance_mutex_);
  base::MutexLock lock(mutex_);
  if (budget) alarm_budget_ = TRY(parse_alarm_budget_mapping(*budget));
  for (const Stored& row : maintenance)
    maintenance_.push_back(TRY(parse_maintenance_window(row.name, row.text)));
  for (const Stored& row : stored) {
    auto parsed = parse_monitor(row.name, row.text);
    if (!parsed) return std::move(parsed).error().with_context("stored monitor " + row.name);
    definitions_[row.name] = std::make_shared<const MonitorDefinition>(std::move(*parsed));
  }
  for (const auto& [name, kind_name, next_start, at_hand] : cursors) {
    const auto found = definitions_.find(name);
    if (found == definitions_.end()) continue;
    const WindowKind kind = TRY(parse_window(kind_name));
    const auto& wanted = found->second->windows;
    if (std::find(wanted.begin(), wanted.end(), kind) == wanted.end()) continue;
    cursors_.push_back(TRY(cursor_at(found->second, kind, next_start, at_hand)));
  }
  TRY(db_.write([&](store::Tx& tx) REQUIRES(mutex_) { return fill_routes(tx); }));
  return {};
}

// Alerts that opened when it was not kept with them who hears of them.
Result<void> Monitor::fill_routes(store::Tx& tx) {
  for (const auto& [name, definition] : definitions_) {
    for (const AlertRule& rule : definition->alerts) {
      JsonArray routes;
      for (const std::string& route : rule.routes) routes.emplace_back(route);
      TRY(
          tx.execute("UPDATE monitor_alerts SET severity = ?, routes = ? WHERE workspace = ? AND "
                     "monitor = ? AND alert = ? AND routes IS NULL",
                     {rule.severity, base::to_text(routes), workspace_, name, rule.name}));
    }
  }
  return {};
}

// Nobody would ever resolve an alert whose rule is gone.
Result<void> Monitor::resolve_orphans(store::Tx& tx, const MonitorDefinition& definition,
                                      const std::set<std::string>& forgotten, base::Timestamp now) {
  for (const AlertRecord& alert :
       TRY(list_alerts(tx, workspace_, {.monitor = definition.name, .open_only = true}))) {
    const auto rule =
        std::find_if(definition.alerts.begin(), definition.alerts.end(),
                     [&](const AlertRule& known) { return known.name == alert.alert; });
    const bool has_rule = rule != definition.alerts.end();
    const bool has_detector =
        std::any_of(definition.detectors.begin(), definition.detectors.end(),
                    [&](const DetectorRule& known) { return known.name == alert.alert; });
    const bool begins_anew = forgotten.contains(alert.alert);
    if ((has_rule && !begins_anew) || has_detector) continue;
    TRY(tx.execute("UPDATE monitor_alerts SET resolved_at = ? WHERE workspace = ? AND id = ?",
                   {now, workspace_, alert.id}));
    JsonObject payload = alert.news(alert.last_value);
    payload["reason"] = "it watches something else now, and learns what is usual of it";
    if (!has_rule) {
      payload["reason"] = "slipway.yaml doesn't declare it any more";
    } else if (!rule->unusual && is_of_predictions_method(rule->metric)) {
      payload["reason"] = "predictions are measured by another method now";
    }
    TRY(tx.append_event(
        {.kind = "alert.resolved",
         .subject = fmt::format("monitors/{}/alerts/{}", alert.monitor, alert.alert),
         .payload = std::move(payload),
         .event_time = now,
         .workspace = workspace_}));
  }
  return {};
}

Result<void> Monitor::forget(store::Tx& tx, const MonitorDefinition& before,
                             const MonitorDefinition& now,
                             const std::map<WindowKind, base::Timestamp>& next_starts) {
  const WatchedParts changed = changed_parts(before, now);
  std::set<std::string> anew;
  for (const AlertRule& rule : before.alerts) {
    if (keeps_its_past(rule, now, changed)) continue;
    // Windows that another method judged are no part of an alert by this one.
    const bool by_other_method =
        is_of_predictions_method(rule.metric) && changed.contains(kPredictionsPart);
    if (rule.unusual || by_other_method) anew.insert(rule.name);
    TRY(tx.execute("DELETE FROM monitor_bands WHERE workspace = ? AND monitor = ? AND alert = ?",
                   {workspace_, now.name, rule.name}));
  }
  TRY(resolve_orphans(tx, now, anew, clock_.now()));
  const Calendar calendar = TRY(Calendar::create(now.time_zone, now.week_starts));
  for (const std::string& part : changed) {
    for (const auto& [kind, next] : next_starts) {
      TRY(tx.execute(
          "INSERT INTO monitor_changes(workspace, monitor, part, window_kind, watching_since) "
          "VALUES(?, ?, ?, ?, ?) ON CONFLICT(workspace, monitor, part, window_kind) DO UPDATE SET "
          "watching_since = excluded.watching_since",
          {workspace_, now.name, part, window_name(kind),
           first_whole_window(calendar, kind, next)}));
    }
  }
  if (!changed.contains(kRequestsPart)) return {};
  for (const char* table :
       {"monitor_estimators", "monitor_estimates", "monitor_baselines", "monitor_detectors"}) {
    TRY(tx.execute(fmt::format("DELETE FROM {} WHERE workspace = ? AND monitor = ?", table),
                   {workspace_, now.name}));
  }
  return {};
}

Result<Monitor::Cursor> Monitor::cursor_at(std::shared_ptr<const MonitorDefinition> definition,
                                           WindowKind kind, base::Timestamp start,
                                           base::Timestamp at_hand) {
  const Calendar calendar = TRY(Calendar::create(definition->time_zone, definition->week_starts));
  // After a change of zone or weekday the first window may be shorter: it never overlaps the last.
  const auto from = [&](base::Timestamp first) {
    return Window{first, calendar.window_of(kind, first).end};
  };
  return Cursor{.definition = std::move(definition),
                .kind = kind,
                .window = from(start),
                .at_hand = from(std::max(start, at_hand)),
                .waiting = std::nullopt};
}

std::shared_ptr<const MonitorDefinition> Monitor::watching(const std::string& endpoint) {
  base::MutexLock lock(mutex_);
  for (const auto& [name, definition] : definitions_) {
    if (definition->endpoint == endpoint) return definition;
  }
  return nullptr;
}

Result<std::vector<DefinitionChange>> Monitor::plan(
    const std::vector<MonitorDefinition>& definitions) {
  std::vector<DefinitionChange> changes;
  base::MutexLock lock(mutex_);
  // Labels are the endpoint's: whoever watches it reads the same.
  std::map<std::string, const MonitorDefinition*> watching;
  for (const auto& [name, definition] : definitions_) {
    const auto is_it = [&](const MonitorDefinition& wanted) { return wanted.name == name; };
    if (std::none_of(definitions.begin(), definitions.end(), is_it))
      watching[definition->endpoint] = definition.get();
  }
  for (const MonitorDefinition& definition : definitions) {
    const auto [other, is_first] = watching.try_emplace(definition.endpoint, &definition);
    if (is_first || other->second->problem == definition.problem) continue;
    return base::error(Code::kInvalidArgument,
                       "two monitors of one endpoint need the same problem, classes and group, as "
                       "they read the same labels: endpoint={} monitors={}, {}",
                       definition.endpoint, other->second->name, definition.name);
  }
  for (const MonitorDefinition& definition : definitions) {
    const auto found = definitions_.find(definition.name);
    DefinitionChange change{.name = definition.name, .change = "created"};
    if (found != definitions_.end()) {
      change.change = *found->second == definition ? "unchanged" : "updated";
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Monitor::apply(
    const std::vector<MonitorDefinition>& definitions, const std::string& actor) {
  base::MutexLock turn(advance_mutex_);
  std::vector<DefinitionChange> changes = TRY(plan(definitions));
  const base::Timestamp now = clock_.now();
  std::map<std::string, MonitorDefinition> before;
  for (MonitorDefinition& known : this->definitions()) before[known.name] = std::move(known);
  // Where new kinds of window begin.
  std::vector<std::tuple<std::string, WindowKind, base::Timestamp>> starts;
  std::map<std::string, std::map<WindowKind, base::Timestamp>> next_starts;
  for (const MonitorDefinition& definition : definitions) {
    const Calendar calendar = TRY(Calendar::create(definition.time_zone, definition.week_starts));
    for (const WindowKind kind : definition.windows) {
      starts.emplace_back(definition.name, kind, calendar.window_of(kind, now).start);
    }
    for (const WindowKind kind : kWindowKinds)
      next_starts[definition.name][kind] = calendar.window_of(kind, now).start;
  }
  for (const Cursor& cursor : cursors_)
    next_starts[cursor.definition->name][cursor.kind] = cursor.at_hand.start;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < definitions.size(); ++i) {
      if (changes[i].change == "unchanged") continue;
      const MonitorDefinition& definition = definitions[i];
      const JsonObject json = definition.to_json();
      TRY(tx.execute(
          "INSERT INTO monitor_definitions(workspace, name, endpoint, definition, created_at, "
          "updated_at) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, name) DO UPDATE SET "
          "endpoint = excluded.endpoint, definition = excluded.definition, "
          "updated_at = excluded.updated_at",
          {workspace_, definition.name, definition.endpoint, base::to_text(json), now, now}));
      TRY(tx.append_event({.kind = "monitor." + changes[i].change,
                           .subject = "monitors/" + definition.name,
                           .actor = actor,
                           .payload = {{"definition", json}},
                           .event_time = now,
                           .workspace = workspace_}));
      const auto known = before.find(definition.name);
      if (known == before.end()) continue;
      TRY(forget(tx, known->second, definition, next_starts[definition.name]));
    }
    for (const MonitorDefinition& definition : definitions) {
      for (const WindowKind kind : kWindowKinds) {
        const auto& declared = definition.windows;
        if (std::find(declared.begin(), declared.end(), kind) != declared.end()) continue;
        for (const char* table : {"monitor_cursors", "monitor_estimates"}) {
          TRY(tx.execute(fmt::format("DELETE FROM {} WHERE workspace = ? AND monitor = ? AND "
                                     "window_kind = ?",
                                     table),
                         {workspace_, definition.name, window_name(kind)}));
        }
      }
    }
    for (const auto& [name, kind, start] : starts) {
      TRY(
          tx.execute("INSERT INTO monitor_cursors(workspace, monitor, window_kind, next_start) "
                     "VALUES(?, ?, ?, ?) ON CONFLICT(workspace, monitor, window_kind) DO NOTHING",
                     {workspace_, name, window_name(kind), start}));
    }
    return {};
  }));
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    if (changes[i].change == "unchanged") continue;
    const std::string& name = definitions[i].name;
    auto shared = std::make_shared<const MonitorDefinition>(definitions[i]);
    profiles_.erase(name);
    reference_attributions_.erase(name);
    std::erase_if(loss_estimators_, [&](const auto& known) { return known.first.first == name; });
    std::vector<Cursor> next;
    for (const WindowKind kind : shared->windows) {
      base::Timestamp start, at_hand;
      for (const auto& [owner, of_kind, first] : starts) {
        if (owner == name && of_kind == kind) start = at_hand = first;
      }
      for (const Cursor& cursor : cursors_) {
        if (cursor.definition->name != name || cursor.kind != kind) continue;
        start = cursor.window.start;
        at_hand = cursor.at_hand.start;
      }
      next.push_back(TRY(cursor_at(shared, kind, start, at_hand)));
    }
    std::erase_if(cursors_, [&](const Cursor& c) { return c.definition->name == name; });
    std::move(next.begin(), next.end(), std::back_inserter(cursors_));
    base::MutexLock lock(mutex_);
    definitions_[name] = std::move(shared);
  }
  return changes;
}

Result<void> Monitor::remove(const std::string& name, const std::string& actor) {
  base::MutexLock turn(advance_mutex_);
  const MonitorDefinition known = TRY(definition(name));
  const base::Timestamp now = clock_.now();
  MonitorDefinition nothing = known;
  nothing.alerts.clear();
  nothing.detectors.clear();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(resolve_orphans(tx, nothing, {}, now));
    for (const char* table :
         {"monitor_cursors", "monitor_estimates", "monitor_estimators", "monitor_baselines",
          "monitor_detectors", "monitor_bands", "monitor_changes"}) {
      TRY(tx.execute(fmt::format("DELETE FROM {} WHERE workspace = ? AND monitor = ?", table),
                     {workspace_, name}));
    }
    TRY(tx.execute("DELETE FROM monitor_definitions WHERE workspace = ? AND name = ?",
                   {workspace_, name}));
    return tx.append_event({.kind = "monitor.removed",
                            .subject = "monitors/" + name,
                            .actor = actor,
                            .payload = {{"definition", known.to_json()}},
                            .event_time = now,
                            .workspace = workspace_});
  }));
  profiles_.erase(name);
  reference_attributions_.erase(name);
  std::erase_if(loss_estimators_, [&](const auto& kept) { return kept.first.first == name; });
  std::erase_if(cursors_, [&](const Cursor& cursor) { return cursor.definition->name == name; });
  base::MutexLock lock(mutex_);
  definitions_.erase(name);
  return {};
}

std::vector<MonitorDefinition> Monitor::definitions() {
  base::MutexLock lock(mutex_);
  std::vector<MonitorDefinition> all;
  for (const auto& [name, definition] : definitions_) all.push_back(*definition);
  return all;
}

Result<MonitorDefinition> Monitor::definition(const std::string& name) {
  base::MutexLock lock(mutex_);
  const auto found = definitions_.find(name);
  if (found == definitions_.end()) {
    return base::error(Code::kNotFound, "no such monitor: name={}", name);
  }
  return *found->second;
}

Result<LabelReceipt> Monitor::add_labels(const std::string& endpoint,
                                         const std::vector<LabelDraft>& drafts, Arrival arrival) {
  const base::Timestamp now = clock_.now();
  const auto watched = watching(endpoint);
  std::vector<Label> labels;
  for (const LabelDraft& draft : drafts) {
    KnownLabel known(draft.value);
    known.class_name = draft.class_name;
    const auto fault = watched ? find_fault(watched->problem, known) : std::nullopt;
    if (fault) {
      return base::error(Code::kInvalidArgument,
                         "a label isn't of the monitor's problem, and none was added: row={} id={} "
                         "value={} reason={}",
                         labels.size(), draft.request_id,
                         draft.value ? fmt::format("{}", *draft.value) : draft.class_name, *fault);
    }
    if (draft.arrival_time && arrival == Arrival::kStamped) {
      return base::error(Code::kInvalidArgument,
                         "only a rehearsal says when a label arrived: id={}", draft.request_id);
    }
    labels.push_back({draft.request_id, draft.value, draft.event_time,
                      draft.arrival_time.value_or(now), draft.class_name, !draft.arrival_time});
  }
  // Of an id that comes more than once the last counts: those before it arrived a moment earlier.
  std::unordered_map<std::string_view, std::int64_t> after;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    if (label->is_stamped) label->arrival_time.micros -= after[label->request_id]++;
  }
  const LabelReceipt receipt = TRY(labels_.add(endpoint, labels));
  base::MutexLock lock(mutex_);
  newly_labelled_.insert(endpoint);
  return receipt;
}

// Windows that wait learn of labels that came since they were last looked at.
Result<void> Monitor::look_for_labels() {
  std::set<std::string> endpoints;
  {
    base::MutexLock lock(mutex_);
    endpoints.swap(newly_labelled_);
  }
  for (Cursor& cursor : cursors_) {
    if (!cursor.waiting || !endpoints.contains(cursor.definition->endpoint)) continue;
    auto arrivals = labels_.arrivals(cursor.definition->endpoint, cursor.waiting->missing);
    if (!arrivals) {
      base::MutexLock lock(mutex_);
      newly_labelled_.insert(endpoints.begin(), endpoints.end());
      return std::move(arrivals).error();
    }
    std::set<std::string> came;
    for (const auto& [id, time] : *arrivals) {
      came.insert(id);
      cursor.waiting->arrivals.push_back(time);
    }
    std::erase_if(cursor.waiting->missing,
                  [&](const std::string& id) { return came.contains(id); });
  }
  return {};
}

Monitor::Cursor* Monitor::earliest(const std::set<const Cursor*>& without) {
  Cursor* first = nullptr;
  for (Cursor& cursor : cursors_) {
    if (without.contains(&cursor)) continue;
    if (first == nullptr || cursor.due() < first->due()) first = &cursor;
  }
  return first;
}

Result<std::optional<base::Timestamp>> Monitor::next_due() {
  base::MutexLock turn(advance_mutex_);
  TRY(look_for_labels());
  const Cursor* first = earliest();
  std::optional<base::Timestamp> due =
      first == nullptr ? std::nullopt : std::optional(first->due());
  for (const AlertRecord& alert : TRY(untold_alerts())) {
    const base::Timestamp told = alert.quiet ? alert.quiet->until : alert.opened_at;
    due = std::min(due.value_or(told), told);
  }
  return due;
}

}  // namespace slipway::monitor
