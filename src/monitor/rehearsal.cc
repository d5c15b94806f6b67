#include "monitor/rehearsal.h"

#include <algorithm>
#include <cmath>

#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

bool is_worse(const AlertRule& rule, double value, double than) {
  if (rule.under) return value < than;
  if (rule.over) return value > than;
  return std::abs(value) > std::abs(than);
}

Firing open(const AlertRule& rule, const MonitorDefinition& definition,
            const StoredWindow& window) {
  Firing firing{.first = window.window, .opened_at = *window.judged_at};
  firing.value = firing.worst = window.result.metrics.at(rule.metric);
  for (const Cause& cause : find_causes(definition, window.result))
    firing.moved.push_back(cause.drift.feature);
  return firing;
}

}  // namespace

Rehearsal rehearse(const AlertRule& rule, const MonitorDefinition& definition,
                   const std::vector<StoredWindow>& windows) {
  Rehearsal rehearsal;
  bool is_open = false;
  for (const StoredWindow& window : windows) {
    if (window.kind != rule.window || !window.judged_at) continue;
    ++rehearsal.windows;
    const RuleVerdict verdict = judge_rule(rule, window.result);
    rehearsal.strip += verdict == RuleVerdict::kFires  ? '#'
                       : verdict == RuleVerdict::kFine ? '.'
                                                       : '?';
    if (verdict == RuleVerdict::kNotJudged) {
      ++rehearsal.not_judged;
      continue;
    }
    if (verdict == RuleVerdict::kFine) {
      if (is_open) rehearsal.firings.back().resolved_at = window.judged_at;
      is_open = false;
      continue;
    }
    if (!is_open) rehearsal.firings.push_back(open(rule, definition, window));
    is_open = true;
    Firing& firing = rehearsal.firings.back();
    ++firing.windows;
    const double value = window.result.metrics.at(rule.metric);
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
