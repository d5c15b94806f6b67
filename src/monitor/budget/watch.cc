// The monitor's side of the alarm budget: what was declared, what rules without a threshold learn
// from, and what the budget is spent on.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "monitor/budget/budget_report.h"
#include "monitor/judging.h"
#include "monitor/monitor.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kCountedAlertsMax = 100'000;

}  // namespace

std::vector<DefinitionChange> Monitor::plan_alarm_budget(const std::optional<AlarmBudget>& budget) {
  base::MutexLock lock(mutex_);
  if (budget == alarm_budget_) {
    if (!budget) return {};
    return {{.kind = "alarm budget", .name = "pages", .change = "unchanged"}};
  }
  return {{.kind = "alarm budget",
           .name = "pages",
           .change = !budget         ? "deleted"
                     : alarm_budget_ ? "updated"
                                     : "created"}};
}

Result<std::vector<DefinitionChange>> Monitor::apply_alarm_budget(
    const std::optional<AlarmBudget>& budget, const std::string& actor) {
  base::MutexLock turn(advance_mutex_);
  std::vector<DefinitionChange> changes = plan_alarm_budget(budget);
  if (changes.empty() || changes.front().change == "unchanged") return changes;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM monitor_alarm_budgets WHERE workspace = ?", {workspace_}));
    store::EventDraft event{.kind = "alarm_budget." + changes.front().change,
                            .subject = "alarm_budget",
                            .actor = actor,
                            .event_time = clock_.now(),
                            .workspace = workspace_};
    if (budget) {
      event.payload["definition"] = budget->to_json();
      TRY(tx.execute("INSERT INTO monitor_alarm_budgets(workspace, definition) VALUES(?, ?)",
                     {workspace_, base::to_text(budget->to_json())}));
    }
    return tx.append_event(event);
  }));
  base::MutexLock lock(mutex_);
  alarm_budget_ = budget;
  return changes;
}

std::size_t Monitor::budgeted_rules() {
  std::size_t rules = 0;
  const AlarmBudget budget = alarm_budget_.value_or(AlarmBudget());
  for (const auto& [name, definition] : definitions_) {
    for (const AlertRule& rule : definition->alerts) rules += rule.unusual && budget.covers(rule);
    for (const DetectorRule& rule : definition->detectors)
      rules += rule.shares_budget() && budget.covers(rule);
  }
  return rules;
}

double Monitor::allowed_chance(const AlertRule& rule, bool is_declared) {
  base::MutexLock lock(mutex_);
  return chance_per_window(alarm_budget_.value_or(AlarmBudget()),
                           budgeted_rules() + (is_declared ? 0 : 1), rule);
}

std::optional<double> Monitor::allowed_chance(const DetectorRule& rule) {
  if (!rule.shares_budget()) return std::nullopt;
  base::MutexLock lock(mutex_);
  return chance_of_detector(alarm_budget_.value_or(AlarmBudget()), budgeted_rules(), rule);
}

PastWindows Monitor::past_windows(const std::string& monitor, WindowKind kind,
                                  base::Timestamp before, std::optional<Calendar> calendar) {
  return {db_, workspace_, monitor, kind, before, std::move(calendar)};
}

Result<base::Timestamp> Monitor::watching_since(const std::string& monitor, WindowKind kind,
                                                const WatchedParts& parts) {
  base::Timestamp since{INT64_MIN};
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT part, watching_since FROM monitor_changes WHERE workspace = ? AND monitor = ? AND "
        "window_kind = ?",
        {workspace_, monitor, window_name(kind)}, [&](const store::Row& row) {
          if (parts.contains(row.string(0))) since = std::max(since, row.time(1));
        });
  }));
  return since;
}

Result<std::vector<Band>> Monitor::bands(const std::string& monitor, const AlertRule& rule,
                                         base::Timestamp before) {
  std::vector<Band> bands;  // newest first
  Result<void> parsed;
  const auto read = [&](base::Timestamp until, const std::string& condition, std::int64_t most) {
    return db_.read([&](store::Reader& reader) {
      return reader.query(
          "SELECT band FROM monitor_bands WHERE workspace = ? AND monitor = ? AND alert = ? AND "
          "metric = ? AND window_kind = ? AND window_start < ? " +
              condition + " ORDER BY window_start DESC LIMIT ?",
          {workspace_, monitor, rule.name, rule.watched(), window_name(rule.window), until, most},
          [&](const store::Row& row) {
            auto band = Band::from_text(row.text(0));
            if (band) {
              bands.push_back(std::move(*band));
            } else {
              parsed = std::move(band).error();
            }
          });
    });
  };
  if (rule.window == WindowKind::kHour && before.micros != INT64_MAX) {
    TRY(read(before, "", 1));
    const base::Timestamp newest = bands.empty() ? before : bands.back().window_start;
    TRY(read(newest, near_hour(before), 3 * kPastWindowsMax));
  } else {
    TRY(read(before, "", kPastWindowsMax));
  }
  TRY(std::move(parsed));
  std::reverse(bands.begin(), bands.end());
  return bands;
}

Result<UnusualVerdict> Monitor::watch(const MonitorDefinition& definition, const AlertRule& rule,
                                      const Window& window, const VariantResult& live) {
  WatchedWindow watched = watched_window(rule, window, live);
  if (!std::isfinite(watched.value)) return UnusualVerdict();
  const Calendar calendar = TRY(Calendar::create(definition.time_zone, definition.week_starts));
  if (rule.window == WindowKind::kHour) watched.hour = calendar.hour_of_day(window.start);
  PastWindows past = past_windows(definition.name, rule.window, window.start, calendar);
  const auto since = TRY(watching_since(definition.name, rule.window, parts_of(rule)));
  const auto learned = TRY(past.known(rule, since));
  const auto known = TRY(bands(definition.name, rule, window.start));
  return judge_unusual(rule, allowed_chance(rule), learned, known, watched);
}

Result<void> Monitor::store_band(store::Tx& tx, const MonitorDefinition& definition,
                                 const AlertRule& rule, const Band& band) {
  TRY(tx.execute(
      "INSERT INTO monitor_bands(workspace, monitor, alert, window_kind, window_start, metric, "
      "band) VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, monitor, alert, window_kind, "
      "window_start) DO UPDATE SET metric = excluded.metric, band = excluded.band",
      {workspace_, definition.name, rule.name, window_name(rule.window), band.window_start,
       rule.watched(), base::to_text(band.to_json())}));
  return {};
}

Result<std::vector<Band>> Monitor::alert_bands(const std::string& monitor,
                                               const std::string& alert) {
  const MonitorDefinition known = TRY(definition(monitor));
  for (const AlertRule& rule : known.alerts) {
    if (rule.name == alert) return bands(monitor, rule, {INT64_MAX});
  }
  return base::error(Code::kNotFound, "the monitor has no such alert: monitor={} alert={}", monitor,
                     alert);
}

Result<BudgetReport> Monitor::budget_report() {
  BudgetReport report;
  {
    base::MutexLock lock(mutex_);
    report.budget = alarm_budget_.value_or(AlarmBudget());
    report.is_declared = alarm_budget_.has_value();
    report.shared_by = budgeted_rules();
  }
  const base::Timestamp now = clock_.now();
  const auto length = static_cast<std::int64_t>(
      days_of(report.budget.per) * static_cast<double>(base::Duration::days(1).micros));
  for (std::size_t i = 1; i <= BudgetReport::kPeriods; ++i)
    report.periods.push_back(now - base::Duration{length * static_cast<std::int64_t>(i)});

  // What is known when a window is over is ahead of what waits for its labels.
  std::map<std::tuple<std::string, WindowKind, bool>, base::Timestamp> next_starts;
  {
    base::MutexLock turn(advance_mutex_);
    for (const Cursor& cursor : cursors_) {
      next_starts[{cursor.definition->name, cursor.kind, false}] = cursor.window.start;
      next_starts[{cursor.definition->name, cursor.kind, true}] = cursor.at_hand.start;
    }
  }
  for (const MonitorDefinition& definition : definitions()) {
    std::map<std::pair<WindowKind, bool>, PastWindows> past;
    const Calendar calendar = TRY(Calendar::create(definition.time_zone, definition.week_starts));
    for (const AlertRule& rule : definition.alerts) {
      BudgetReport::Line line{.monitor = definition.name, .alert = rule.name, .rule = rule};
      line.counts = report.budget.covers(rule);
      line.pages.resize(report.periods.size());
      const bool is_ahead = is_known_when_over(rule);
      const base::Timestamp next = next_starts[{definition.name, rule.window, is_ahead}];
      const auto of_kind =
          past.try_emplace(std::pair(rule.window, is_ahead),
                           past_windows(definition.name, rule.window, next, calendar))
              .first;
      const auto since = TRY(watching_since(definition.name, rule.window, parts_of(rule)));
      const auto watched = TRY(of_kind->second.known(rule, since));
      const bool is_of_hours = rule.window == WindowKind::kHour;
      const int hour = is_of_hours ? calendar.hour_of_day(next) : 0;
      std::vector<Band> known;
      if (rule.unusual)
        known = TRY(bands(definition.name, rule, is_of_hours ? next : base::Timestamp{INT64_MAX}));
      line.learned_from = learnable_windows(rule, watched, known, hour);
      if (rule.unusual) {
        line.chance = chance_per_window(report.budget, report.shared_by, rule);
        line.next = next_bounds(rule, line.chance, watched, known, next, hour);
        if (!known.empty()) line.newest = known.back();
      } else {
        line.chance_of_threshold = chance_of_threshold(rule, watched, next, hour);
      }
      report.lines.push_back(std::move(line));
    }
    for (const DetectorRule& rule : definition.detectors) {
      BudgetReport::Line line{.monitor = definition.name, .alert = rule.name};
      line.counts = report.budget.covers(rule);
      if (rule.shares_budget())
        line.chance = chance_of_detector(report.budget, report.shared_by, rule);
      line.detector = rule;
      line.pages.resize(report.periods.size());
      report.lines.push_back(std::move(line));
    }
  }
  for (const AlertRecord& alert :
       TRY(alerts({.opened_from = report.periods.back(), .limit = kCountedAlertsMax}))) {
    if (!alert.told_at || !report.budget.covers(alert.severity, alert.routes)) continue;
    const auto same = [&](const BudgetReport::Line& line) {
      return line.monitor == alert.monitor && line.alert == alert.alert;
    };
    auto line = std::find_if(report.lines.begin(), report.lines.end(), same);
    if (line == report.lines.end()) {
      report.lines.push_back({.monitor = alert.monitor, .alert = alert.alert, .counts = true});
      line = report.lines.end() - 1;
      line->pages.resize(report.periods.size());
    }
    const auto ago = static_cast<std::size_t>((now - alert.opened_at).micros / length);
    if (ago < line->pages.size()) ++line->pages[ago];
  }
  return report;
}

}  // namespace slipway::monitor
