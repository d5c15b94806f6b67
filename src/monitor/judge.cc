// The monitor at work: looking at windows that are over, judging those whose labels are there, and
// acting on the verdict.
#include <algorithm>
#include <limits>

#include "base/log.h"
#include "monitor/judging.h"
#include "monitor/metrics.h"
#include "monitor/monitor.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

std::string alert_subject(const std::string& monitor, const std::string& alert) {
  return fmt::format("monitors/{}/alerts/{}", monitor, alert);
}

// What drift: and alerts name and the reference doesn't have, misspelt above all.
std::string unknown_inputs(const MonitorDefinition& definition, const DriftProfile& reference) {
  std::set<std::string> unknown;
  for (const auto& [column, rule] : definition.drift.columns) {
    if (!reference.has(column)) unknown.insert(column);
  }
  for (const AlertRule& alert : definition.alerts) {
    const bool is_compared = !alert.input.empty() && alert.metric != "violation_rate";
    if (is_compared && !reference.has(alert.input)) unknown.insert(alert.input);
  }
  if (unknown.empty()) return {};
  return fmt::format("inputs are named that the reference doesn't have: {}",
                     fmt::join(unknown, ", "));
}

JsonObject event_payload(const ActionRecord& action) {
  JsonObject payload{{"alert_id", action.alert_id}, {"endpoint", action.endpoint},
                     {"action", action.action},     {"does", action_kind_name(action.kind)},
                     {"run_id", action.run_id},     {"reason", action.reason}};
  if (action.revision != 0) payload["revision"] = action.revision;
  if (action.incident != 0) payload["incident"] = action.incident;
  return payload;
}

const char* outcome_name(ActionOutcome::State state) {
  switch (state) {
    case ActionOutcome::State::kDone:
      return "done";
    case ActionOutcome::State::kRefused:
      return "refused";
    case ActionOutcome::State::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

Result<AdvanceReport> Monitor::advance(base::Timestamp now) {
  base::MutexLock turn(advance_mutex_);
  AdvanceReport report;
  TRY(hand_over(now, report));  // what a crash left undone
  TRY(follow_up(now));
  TRY(end_silences(now));
  // What can't be judged now holds up nothing else.
  std::set<const Cursor*> failed;
  Result<void> first_failure;
  while (true) {
    TRY(look_for_labels());
    Cursor* cursor = earliest(failed);
    if (cursor == nullptr || cursor->due() > now) break;
    if (Result<void> done = step(*cursor, now, report); !done) {
      failed.insert(cursor);
      if (first_failure)
        first_failure = std::move(done).error().with_context("monitor " + cursor->definition->name);
      continue;
    }
    TRY(hand_over(now, report));
  }
  TRY(std::move(first_failure));
  return report;
}

Result<void> Monitor::step(Cursor& cursor, base::Timestamp now, AdvanceReport& report) {
  if (cursor.is_judged_next()) {
    Result<void> judged = judge(cursor, now, report);
    // The windows behind one that can't be judged are looked at all the same.
    if (!judged && cursor.at_hand.end <= now) TRY(look(cursor, now, report));
    return judged;
  }
  if (cursor.waits_for_labels() && !cursor.waiting) return count_labels(cursor);
  return look(cursor, now, report);
}

Result<void> Monitor::judge(Cursor& cursor, base::Timestamp now, AdvanceReport& report) {
  const MonitorDefinition& definition = *cursor.definition;
  Planned planned;
  const auto [frame, reference, note] = TRY(read_rows(definition, cursor.window));
  const WindowRows rows = TRY(WindowRows::of(frame));
  // Not as of now: the server may have been away for days.
  const Labels labels = TRY(labels_.find(definition.endpoint, rows.live_request_ids(),
                                         std::min(now, cursor.complete_at())));
  const auto known = TRY(baselines(cursor, cursor.window));
  auto estimates = TRY(stored_estimates(definition.name, cursor.kind, cursor.window.start))
                       .value_or(std::map<std::string, Estimates>());
  for (const auto& [variant, picked] : rows.by_variant()) {
    const auto found = known.find(variant);
    const PredictionBaseline* baseline = found == known.end() ? nullptr : &found->second;
    planned.results.push_back(
        rows.judge(variant, labels, reference.get(), baseline, definition.quality()));
    if (baseline != nullptr && definition.drift.prediction)
      rows.compare_predictions(*baseline, *definition.drift.prediction, definition.problem,
                               planned.results.back());
    planned.results.back().add_estimates(std::move(estimates[variant]));
  }
  planned.learned = TRY(learn(cursor, rows, labels));
  const auto live =
      std::find_if(planned.results.begin(), planned.results.end(),
                   [](const VariantResult& result) { return result.variant == "live"; });
  const auto asked = TRY(last_asked(definition.name, cursor.kind, cursor.window.start));
  if (live == planned.results.end()) {
    VariantResult silent = VariantResult::of_silence(asked, cursor.window.end);
    rows.look_at_inputs(silent);
    const bool is_known = asked || silent.violations.rows > 0;
    if (!is_known) silent.metrics.clear();
    TRY(look_at_datasets(cursor, cursor.window, silent));
    if (is_known || silent.metrics.contains(kDatasetAge))
      planned.results.push_back(std::move(silent));
  } else {
    live->metrics["skew_rate"] =
        TRY(ports_.features.skew_rate(definition.endpoint, cursor.window.start, cursor.window.end))
            .value_or(std::numeric_limits<double>::quiet_NaN());
    live->add_note(note);
    rows.look_at_times(asked, cursor.window.end, *live);
    TRY(look_for_duplicates(definition, cursor.window, *live));
    rows.look_at_inputs(*live);
    TRY(look_at_labels(definition, cursor.window, *live));
    TRY(look_at_datasets(cursor, cursor.window, *live));
    TRY(remember_first_look(cursor, *live));
    if (reference != nullptr) rows.compare_together(*reference, *live);
    TRY(take_apart(cursor, rows, labels, now, *live));
    TRY(plan_rules(cursor, Stage::kLabelled, *live, now, planned));
  }
  TRY(record(cursor, Stage::kLabelled, now, planned, report));
  cursor = TRY(cursor_at(cursor.definition, cursor.kind, cursor.window.end, cursor.at_hand.start));
  return {};
}

Result<Monitor::WindowRead> Monitor::read_rows(const MonitorDefinition& definition,
                                               const Window& window) {
  WindowRead read;
  read.reference = TRY(profile(definition, read.note));
  read.frame = TRY(ports_.requests.requests(definition.endpoint, window.start, window.end,
                                            columns_of(definition, read.reference.get())));
  return read;
}

// Takes all inputs of all rows: of large windows only where somebody asks.
Result<void> Monitor::look_for_duplicates(const MonitorDefinition& definition, const Window& window,
                                          VariantResult& live) {
  const bool is_asked =
      std::any_of(definition.alerts.begin(), definition.alerts.end(),
                  [](const AlertRule& rule) { return rule.metric == kDuplicateRate; });
  live.metrics[kDuplicateRate] =
      is_asked || live.rows <= limits_.duplicate_rows
          ? TRY(duplicate_rate(ports_.requests, definition.endpoint, window))
          : std::numeric_limits<double>::quiet_NaN();
  return {};
}

Result<void> Monitor::plan_rules(const Cursor& cursor, Stage stage, const VariantResult& live,
                                 base::Timestamp now, Planned& planned) {
  const MonitorDefinition& definition = *cursor.definition;
  planned.causes = find_causes(definition, live);
  const std::vector<Silence> silences = TRY(this->silences(now));
  bool already_starting = false;
  for (const AlertRule& rule : definition.alerts) {
    if (rule.window != cursor.kind) continue;
    if (is_known_when_over(rule) != (stage == Stage::kOver)) continue;
    Planned::Rule verdict{.rule = &rule, .verdict = judge_rule(rule, live)};
    if (rule.unusual) {
      // Until it knows what is usual it goes by its bound, if it has one.
      verdict.unusual = TRY(watch(definition, rule, window_of(cursor, stage), live));
      if (verdict.unusual.state == UnusualVerdict::State::kUsual)
        verdict.verdict = RuleVerdict::kFine;
      if (verdict.unusual.state == UnusualVerdict::State::kUnusual)
        verdict.verdict = RuleVerdict::kFires;
    }
    if (verdict.verdict == RuleVerdict::kNotJudged) continue;
    verdict.value = watched_value(rule, live);
    verdict.why = method_words(rule, live);
    verdict.quiet =
        find_quiet(silences, maintenance(),
                   {definition.endpoint, definition.name, rule.name, rule.severity}, now);
    const auto open = TRY(open_alert(definition.name, rule.name));
    for (const std::string& name : rule.actions) {
      if (verdict.verdict != RuleVerdict::kFires) break;
      const ActionRule& action = *definition.find_action(name);
      const Asked asked{.live = live,
                        .now = now,
                        .quiet = verdict.quiet,
                        .open = open ? &*open : nullptr,
                        .fired = open ? open->windows + 1 : 1,
                        .already_starting = already_starting};
      verdict.actions.push_back(TRY(decide(definition, action, asked)));
      already_starting = already_starting || (verdict.actions.back().decision.start &&
                                              action.kind != ActionKind::kIncident);
    }
    planned.rules.push_back(std::move(verdict));
  }
  return {};
}

Result<Monitor::Decided> Monitor::decide(const MonitorDefinition& definition,
                                         const ActionRule& action, const Asked& asked) {
  Decided decided{.rule = &action};
  ActionFacts facts{.now = asked.now, .fired = asked.fired};
  std::vector<ActionRecord> active;
  std::optional<std::int64_t> own_incident;
  if (asked.open != nullptr) {
    for (const ActionRecord& earlier : asked.open->actions) {
      if (earlier.incident != 0) own_incident = earlier.incident;
    }
  }
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    active = TRY(list_actions(reader, workspace_, {"starting", "started"}));
    return reader.query(
        "SELECT MAX(decided_at) FROM monitor_actions WHERE workspace = ? AND monitor = ? AND "
        "action = ? AND state IN ('starting', 'started', 'done', 'refused')",
        {workspace_, definition.name, action.name}, [&](const store::Row& row) {
          if (!row.is_null(0)) facts.last_started = row.time(0);
        });
  }));
  facts.new_labels = TRY(labels_.count(definition.endpoint, facts.last_started, asked.now));
  // Whoever can't say how things stand is in the way of this action, and of nothing else.
  Standing standing;
  if (auto looked = ports_.actions.look(definition.endpoint, action)) {
    standing = std::move(*looked);
  } else {
    standing.obstacle = looked.error().message;
  }
  if (asked.quiet) facts.silence = asked.quiet->words;
  // One that this very alert has opened is no reason for it to stop, until somebody takes it.
  if (standing.incident_has_owner || standing.incident != own_incident)
    facts.incident = standing.incident;
  facts.version = standing.version;
  decided.about_revision = standing.revision;
  if (action.kind != ActionKind::kIncident) {
    if (asked.already_starting)
      facts.obstacle = "another alert of this window starts an action already";
    for (const ActionRecord& running : active) {
      if (running.endpoint != definition.endpoint || running.kind == ActionKind::kIncident)
        continue;
      facts.obstacle = fmt::format("{} still runs for alert {}: run={}", running.action,
                                   running.alert, running.run_id);
    }
  }
  if (!facts.obstacle) facts.obstacle = std::move(standing.obstacle);
  decided.decision = decide_action(action, asked.live, facts);
  return decided;
}

Result<std::optional<AlertRecord>> Monitor::open_alert(const std::string& monitor,
                                                       const std::string& alert) {
  auto open = TRY(db_.read([&](store::Reader& reader) {
    return list_alerts(reader, workspace_,
                       {.monitor = monitor, .alert = alert, .open_only = true, .limit = 1});
  }));
  return open.empty() ? std::nullopt : std::optional(std::move(open.front()));
}

JsonObject Monitor::opened_news(const AlertRecord& alert, const std::vector<Decided>& decisions) {
  JsonObject news = alert.news(alert.value);
  JsonArray deeds;
  for (const Decided& decided : decisions) {
    deeds.push_back(JsonObject{{"name", decided.rule->name},
                               {"starts", decided.decision.start},
                               {"reason", decided.decision.reason}});
  }
  if (!deeds.empty()) news["action"] = deeds.front();
  news["actions"] = std::move(deeds);
  return news;
}

Result<void> Monitor::record_decisions(store::Tx& tx, const MonitorDefinition& definition,
                                       const std::string& alert, std::int64_t alert_id,
                                       const std::vector<Decided>& decisions, base::Timestamp now) {
  for (const Decided& decided : decisions) {
    const ActionRule& action = *decided.rule;
    const bool starts = decided.decision.start;
    const ActionRecord asked{.alert_id = alert_id,
                             .monitor = definition.name,
                             .endpoint = definition.endpoint,
                             .alert = alert,
                             .action = action.name,
                             .kind = action.kind,
                             .pipeline = action.pipeline,
                             .params = action.params,
                             .model = action.model,
                             .about_revision = decided.about_revision,
                             .state = starts ? "starting" : "skipped",
                             .reason = decided.decision.reason,
                             .decided_at = now};
    TRY(insert_action(tx, workspace_, asked));
    TRY(tx.append_event({.kind = starts ? "action.decided" : "action.skipped",
                         .subject = alert_subject(definition.name, alert),
                         .payload = event_payload(asked),
                         .event_time = now,
                         .workspace = workspace_}));
  }
  return {};
}

// One transaction: what is expected of the window, or its results and the cursor; alerts opened,
// kept and resolved, and decisions about actions.
Result<void> Monitor::record(Cursor& cursor, Stage stage, base::Timestamp now,
                             const Planned& planned, AdvanceReport& report) {
  const MonitorDefinition& definition = *cursor.definition;
  const Window& window = window_of(cursor, stage);
  const std::string kind(window_name(cursor.kind));
  struct Written {
    std::vector<std::int64_t> opened, resolved;
  };
  const Written written = TRY(db_.write([&](store::Tx& tx) -> Result<Written> {
    Written ids;
    for (const VariantResult& result : planned.results) {
      TRY(tx.execute(
          "INSERT INTO monitor_windows(workspace, monitor, window_kind, window_start, variant, "
          "window_end, judged_at, result) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
          {workspace_, definition.name, kind, window.start, result.variant, window.end, now,
           base::to_text(result.to_json())}));
      if (result.variant != "live") continue;
      TRY(tx.append_event({.kind = "monitor.window_judged",
                           .subject = "monitors/" + definition.name,
                           .payload = {{"window", kind},
                                       {"start", types::to_rfc3339(window.start)},
                                       {"rows", result.rows},
                                       {"labels", result.labels},
                                       {"completeness", result.completeness}},
                           .event_time = now,
                           .workspace = workspace_}));
    }
    for (const auto& [variant, baseline] : planned.new_baselines) {
      TRY(tx.execute(
          "INSERT INTO monitor_baselines(workspace, monitor, window_kind, variant, baseline, "
          "window_start) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, monitor, window_kind, "
          "variant) DO UPDATE SET baseline = excluded.baseline, window_start = "
          "excluded.window_start WHERE monitor_baselines.window_start < excluded.window_start",
          {workspace_, definition.name, kind, variant, baseline.to_text(), window.start}));
    }
    for (const Planned::Rule& judged : planned.rules) {
      const AlertRule& rule = *judged.rule;
      const std::optional<Band>& band = judged.unusual.band;
      if (band) TRY(store_band(tx, definition, rule, *band));
      auto open = TRY(list_alerts(
          tx, workspace_, {.monitor = definition.name, .alert = rule.name, .open_only = true}));
      const std::string subject = alert_subject(definition.name, rule.name);
      if (judged.verdict == RuleVerdict::kFine) {
        if (open.empty()) continue;
        TRY(tx.execute("UPDATE monitor_alerts SET resolved_at = ? WHERE workspace = ? AND id = ?",
                       {now, workspace_, open.front().id}));
        JsonObject news = open.front().news(judged.value);
        if (judged.unusual.is_new_usual) news["reason"] = "it has lasted: it is what is usual now";
        TRY(tx.append_event({.kind = "alert.resolved",
                             .subject = subject,
                             .payload = std::move(news),
                             .event_time = now,
                             .workspace = workspace_}));
        ids.resolved.push_back(open.front().id);
        continue;
      }
      std::int64_t alert_id = 0;
      if (open.empty()) {
        AlertRecord alert{.monitor = definition.name,
                          .endpoint = definition.endpoint,
                          .alert = rule.name,
                          .metric = rule.watched(),
                          .severity = rule.severity,
                          .routes = rule.routes,
                          .value = judged.value,
                          .threshold = rule.threshold(),
                          .why = judged.why,
                          .kind = cursor.kind,
                          .window = window,
                          .opened_at = now,
                          .last_value = judged.value,
                          .last_window_end = window.end,
                          .quiet = judged.quiet};
        if (band) {
          alert.threshold = band->bound();
          alert.why = band->words(rule.watched());
        }
        if (!judged.quiet) alert.told_at = now;
        for (const Cause& cause : planned.causes) alert.causes.push_back(cause.to_json());
        alert_id = TRY(insert_alert(tx, workspace_, alert));
        alert.id = alert_id;
        TRY(tx.append_event({.kind = "alert.opened",
                             .subject = subject,
                             .payload = opened_news(alert, judged.actions),
                             .event_time = now,
                             .workspace = workspace_}));
        ids.opened.push_back(alert_id);
      } else {
        alert_id = open.front().id;
        TRY(
            tx.execute("UPDATE monitor_alerts SET windows = windows + 1, last_value = ?, "
                       "last_window_end = ? WHERE workspace = ? AND id = ?",
                       {judged.value, window.end, workspace_, alert_id}));
      }
      TRY(record_decisions(tx, definition, rule.name, alert_id, judged.actions, now));
    }
    if (stage == Stage::kOver) {
      TRY(store_first_look(tx, cursor, planned));
      return ids;
    }
    for (const auto& [version, estimator] : planned.learned) {
      TRY(tx.execute(
          "INSERT INTO monitor_estimators(workspace, monitor, model_version, estimator) "
          "VALUES(?, ?, ?, ?) ON CONFLICT(workspace, monitor, model_version) DO UPDATE SET "
          "estimator = excluded.estimator",
          {workspace_, definition.name, version, estimator}));
    }
    TRY(tx.execute(
        "DELETE FROM monitor_estimates WHERE workspace = ? AND monitor = ? AND window_kind = ? "
        "AND window_start < ?",
        {workspace_, definition.name, kind, window.end}));
    TRY(tx.execute(
        "UPDATE monitor_cursors SET next_start = ? WHERE workspace = ? AND monitor = ? AND "
        "window_kind = ?",
        {window.end, workspace_, definition.name, kind}));
    return ids;
  }));
  report.windows += planned.results.empty() ? 0 : 1;
  windows_judged_.add(planned.results.empty() ? 0 : 1);
  alerts_opened_.add(written.opened.size());
  for (const Planned::Rule& judged : planned.rules) {
    for (const Decided& decided : judged.actions) {
      if (!decided.decision.start) actions_skipped_.add();
    }
  }
  report.opened.insert(report.opened.end(), written.opened.begin(), written.opened.end());
  report.resolved.insert(report.resolved.end(), written.resolved.begin(), written.resolved.end());
  return {};
}

Result<void> Monitor::tend(base::Timestamp now) {
  base::MutexLock turn(advance_mutex_);
  AdvanceReport report;
  TRY(hand_over(now, report));
  return follow_up(now);
}

// Starts what was decided. After a crash in between, the same id is handed over once more.
Result<void> Monitor::hand_over(base::Timestamp now, AdvanceReport& report) {
  std::vector<ActionRecord> starting = TRY(db_.read(
      [&](store::Reader& reader) { return list_actions(reader, workspace_, {"starting"}); }));
  for (ActionRecord& action : starting) {
    ActionRequest request{
        .id = fmt::format("{}/{}", action.monitor, action.id),
        .alert_id = action.alert_id,
        .monitor = action.monitor,
        .endpoint = action.endpoint,
        .alert = action.alert,
        .action = action.action,
        .kind = action.kind,
        .pipeline = action.pipeline,
        .params = action.params,
        .model = action.model,
        .about_revision = action.about_revision,
        .as_of = action.decided_at,
        .reason = fmt::format("alert {} of monitor {}", action.alert, action.monitor)};
    for (const AlertRecord& alert : TRY(alerts({.id = action.alert_id}))) {
      request.severity = alert.severity;
      request.bad_since = alert.window.start;
      if (action.kind == ActionKind::kPipeline) continue;
      if (alert.is_detection()) {
        request.reason += fmt::format(": {} found a change at {}", alert.metric,
                                      types::to_rfc3339(alert.last_window_end));
      } else if (!alert.why.empty()) {
        request.reason += ": " + alert.why;
      } else {
        request.reason += fmt::format(": {} was {:.4g} (threshold {:.4g})", alert.metric,
                                      alert.last_value, alert.threshold);
      }
      request.reason += alert.unit_words();
    }
    const Result<ActionReceipt> receipt = ports_.actions.start(request);
    if (receipt) {
      action.state = receipt->outcome ? outcome_name(receipt->outcome->state) : "started";
      if (receipt->outcome) {
        action.reason = receipt->outcome->reason;
        action.finished_at = now;
      }
      action.run_id = receipt->run_id;
      action.revision = receipt->revision;
      action.incident = receipt->incident;
      actions_started_.add();
      if (!action.run_id.empty()) report.started.push_back(action.run_id);
    } else {
      const bool is_refused =
          receipt.error().code == Code::kFailedPrecondition && action.kind != ActionKind::kPipeline;
      action.state = is_refused ? "refused" : "failed";
      action.reason =
          is_refused ? receipt.error().message : "could not be started: " + receipt.error().message;
      action.finished_at = now;
      base::log_warning("monitor", "action=not_started monitor={} action_name={} error=\"{}\"",
                        action.monitor, action.action, receipt.error().message);
    }
    TRY(settle(action, now));
  }
  return {};
}

Result<void> Monitor::settle(const ActionRecord& action, base::Timestamp now) {
  JsonObject payload = event_payload(action);
  // What was promised and didn't happen: whoever heard of the alert has to look after it now.
  if (action.state == "refused" || action.state == "failed") {
    for (const AlertRecord& alert : TRY(alerts({.id = action.alert_id}))) {
      JsonObject news = alert.news(alert.last_value);
      news["action"] = action.news();
      if (alert.quiet) news["routes"] = JsonArray();
      payload["alert"] = std::move(news);
    }
  }
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(update_action(tx, workspace_, action));
    return tx.append_event({.kind = "action." + action.state,
                            .subject = alert_subject(action.monitor, action.alert),
                            .payload = payload,
                            .event_time = now,
                            .workspace = workspace_});
  });
}

// Writes down how runs ended that actions started.
Result<void> Monitor::follow_up(base::Timestamp now) {
  std::vector<ActionRecord> started = TRY(db_.read(
      [&](store::Reader& reader) { return list_actions(reader, workspace_, {"started"}); }));
  for (ActionRecord& action : started) {
    auto outcome = ports_.actions.find_outcome(action.run_id);
    if (!outcome && outcome.error().code == Code::kNotFound) {
      outcome =
          std::optional(ActionOutcome{.state = ActionOutcome::State::kFailed,
                                      .reason = "the run is gone: " + outcome.error().message});
    }
    const std::optional<ActionOutcome> ended = TRY(std::move(outcome));
    if (!ended) continue;
    action.state = outcome_name(ended->state);
    action.reason = ended->reason;
    action.finished_at = now;
    TRY(settle(action, now));
  }
  return {};
}

Result<std::shared_ptr<const DriftProfile>> Monitor::profile(const MonitorDefinition& definition,
                                                             std::string& note) {
  using Profile = std::shared_ptr<const DriftProfile>;
  if (!definition.reference_from) return Profile();
  if (const auto found = profiles_.find(definition.name); found != profiles_.end()) {
    note = unknown_inputs(definition, *found->second);
    return found->second;
  }
  const auto frame = ports_.reference.reference(definition.endpoint, *definition.reference_from,
                                                *definition.reference_to);
  if (!frame || frame->rows() == 0) {
    note = frame ? "no drift: the reference has no rows"
                 : "no drift: the reference is unavailable: " + frame.error().message;
    base::log_warning("monitor", "reference=unavailable monitor={} note=\"{}\"", definition.name,
                      note);
    return Profile();
  }
  Profile made = std::make_shared<const DriftProfile>(DriftProfile::of(*frame, definition.drift));
  note = unknown_inputs(definition, *made);
  if (!note.empty()) base::log_warning("monitor", "monitor={} note=\"{}\"", definition.name, note);
  return profiles_[definition.name] = std::move(made);
}

Result<std::map<std::string, PredictionBaseline>> Monitor::baselines(const Cursor& cursor,
                                                                     const Window& window) {
  std::map<std::string, std::string> texts;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT variant, baseline FROM monitor_baselines WHERE workspace = ? AND monitor = ? AND "
        "window_kind = ? AND window_start < ?",
        {workspace_, cursor.definition->name, window_name(cursor.kind), window.start},
        [&](const store::Row& row) { texts[row.string(0)] = row.string(1); });
  }));
  std::map<std::string, PredictionBaseline> known;
  for (const auto& [variant, text] : texts) {
    known[variant] = TRY(PredictionBaseline::from_text(text));
  }
  return known;
}

}  // namespace slipway::monitor
