#include "monitor/rehearsal.h"

#include <algorithm>
#include <cmath>

#include "monitor/budget/unusual.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

bool is_worse(const AlertRule& rule, double value, double than) {
  if (rule.under || rule.unusual == Unusual::kLow) return value < than;
  if (rule.over || rule.unusual == Unusual::kHigh) return value > than;
  return std::abs(value) > std::abs(than);
}

// When the rule judges the window.
base::Timestamp judged_at(const AlertRule& rule, const StoredWindow& window) {
  return is_known_when_over(rule) ? window.window.end : *window.judged_at;
}

Firing open(const AlertRule& rule, const MonitorDefinition& definition,
            const StoredWindow& window) {
  Firing firing{.first = window.window, .opened_at = judged_at(rule, window)};
  firing.value = firing.worst = watched_value(rule, window.result);
  for (const Cause& cause : find_causes(definition, window.result))
    firing.moved.push_back(cause.drift.feature);
  return firing;
}

// A rule without a threshold, that goes from window to window.
struct Watcher {
  const AlertRule& rule;
  double chance;
  std::optional<Calendar> calendar;  // of hours
  std::vector<WatchedWindow> past;
  std::vector<Band> bands;

  RuleVerdict judge(const StoredWindow& window) {
    RuleVerdict verdict = judge_rule(rule, window.result);  // by its bound, while it learns
    WatchedWindow watched = watched_window(rule, window.window, window.result);
    if (calendar) watched.hour = calendar->hour_of_day(window.window.start);
    if (!std::isfinite(watched.value)) return RuleVerdict::kNotJudged;
    const UnusualVerdict unusual = judge_unusual(rule, chance, past, bands, watched);
    if (unusual.band) bands.push_back(*unusual.band);
    past.push_back(watched);
    const std::size_t most = kWindowsMax * (calendar ? 24 : 1);
    if (past.size() > most) past.erase(past.begin());
    if (bands.size() > most) bands.erase(bands.begin());
    if (unusual.state == UnusualVerdict::State::kUsual) verdict = RuleVerdict::kFine;
    if (unusual.state == UnusualVerdict::State::kUnusual) verdict = RuleVerdict::kFires;
    return verdict;
  }

  static constexpr std::size_t kWindowsMax = 100;  // as the monitor
};

}  // namespace

Rehearsal rehearse(const AlertRule& rule, const MonitorDefinition& definition,
                   const std::vector<StoredWindow>& windows, double chance) {
  Rehearsal rehearsal;
  bool is_open = false;
  Watcher watcher{rule, chance, {}, {}, {}};
  if (rule.window == WindowKind::kHour) {
    // It was read when the monitor was declared.
    watcher.calendar = MUST(Calendar::create(definition.time_zone, definition.week_starts));
  }
  for (const StoredWindow& window : windows) {
    if (window.kind != rule.window || !window.judged_at) continue;
    ++rehearsal.windows;
    const RuleVerdict verdict = !is_measured_as_declared(rule, definition, window.result)
                                    ? RuleVerdict::kNotJudged
                                : rule.unusual ? watcher.judge(window)
                                               : judge_rule(rule, window.result);
    rehearsal.strip += verdict == RuleVerdict::kFires  ? '#'
                       : verdict == RuleVerdict::kFine ? '.'
                                                       : '?';
    if (verdict == RuleVerdict::kNotJudged) {
      ++rehearsal.not_judged;
      continue;
    }
    if (verdict == RuleVerdict::kFine) {
      if (is_open) rehearsal.firings.back().resolved_at = judged_at(rule, window);
      is_open = false;
      continue;
    }
    if (!is_open) rehearsal.firings.push_back(open(rule, definition, window));
    is_open = true;
    Firing& firing = rehearsal.firings.back();
    ++firing.windows;
    const double value = watched_value(rule, window.result);
    if (is_worse(rule, value, firing.worst)) firing.worst = value;
  }
  return rehearsal;
}

JsonObject Rehearsal::to_json() const {
  JsonArray list;
  for (const Firing& firing : firings) {
    JsonArray moved;
    for (const std::string& feature : firing.moved) moved.emplace_back(feature);
    JsonObject object{{"opened", types::to_rfc3339(firing.opened_at)},
                      {"resolved", nullptr},
                      {"window_start", types::to_rfc3339(firing.first.start)},
                      {"windows", firing.windows},
                      {"value", firing.value},
                      {"worst", firing.worst},
                      {"moved", std::move(moved)}};
    if (firing.resolved_at) object["resolved"] = types::to_rfc3339(*firing.resolved_at);
    list.push_back(std::move(object));
  }
  return {{"windows", windows},
          {"not_judged", not_judged},
          {"fired", std::ssize(firings)},
          {"strip", strip},
          {"firings", std::move(list)}};
}

}  // namespace slipway::monitor
