// Decisions of the monitor as pure functions: does a rule fire, what drifted with it, may its
// action start.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/definition.h"
#include "monitor/window_result.h"

namespace slipway::monitor {

enum class RuleVerdict { kFires, kFine, kNotJudged };
// By the rule's bound. `live` is the window's live variant. kNotJudged: the metric could not be
// computed, too few rows stand behind it, or the rule has no bound (budget/unusual.h).
RuleVerdict judge_rule(const AlertRule& rule, const VariantResult& live);

// What the rule looks at, of all rows or of its slice; NaN: could not be computed.
double watched_value(const AlertRule& rule, const VariantResult& live);
// How many rows are behind it: those with a label, where the metric needs labels.
std::int64_t watched_rows(const AlertRule& rule, const VariantResult& live);

// Whether what the rule watches is measured in the window as it is declared now: predictions may
// have been compared by another method then, whose values say nothing beside those of this one.
bool is_measured_as_declared(const AlertRule& rule, const MonitorDefinition& definition,
                             const VariantResult& live);
// Of a rule on what a drift method says: "prediction_drift is 0.31 (threshold 0.2): wasserstein
// says 0.31, and at least 0.1 is drift"; else "".
std::string method_words(const AlertRule& rule, const VariantResult& live);

// An input that moved, in one word how, and by how much. The largest first.
struct Cause {
  std::string kind;  // "violation", "distribution", "missing_rate", "unseen_category", "texts" or
                     // "attribution"
  FeatureDrift drift;
  JsonObject to_json() const;
};
// Inputs whose rank among the attributions changed are named once the order is another one
// (kAttributionNdcgMin), behind those that moved themselves. A missing rate counts once it rose by
// 0.05, unseen categories and broken rules from 0.01 of the rows on.
std::vector<Cause> find_causes(const MonitorDefinition& definition, const VariantResult& live);

// What is known when an action is asked for.
struct ActionFacts {
  base::Timestamp now;
  std::optional<base::Timestamp>
      last_started;                      // of this action, whatever came of it unless it failed
  std::int64_t new_labels = 0;           // since then
  std::int64_t fired = 1;                // windows in a row, this one included
  std::optional<std::string> silence;    // what silences the alert, in words
  std::optional<std::int64_t> incident;  // of the endpoint, that is open
  std::int64_t version = 0;              // of the model in charge; 0: none
  std::optional<std::string> obstacle;   // Actions::look, or an action of ours that still runs
};
struct ActionDecision {
  bool start = false;
  std::string reason;  // one sentence, whatever was decided
};
// Guards in this order: not silenced, confirmed, clean data, no open incident, judged what is in
// charge (of what changes the version), no obstacle, cool-down, enough labels. An open incident is
// no reason against adding to it.
ActionDecision decide_action(const ActionRule& rule, const VariantResult& live,
                             const ActionFacts& facts);

// The endpoint's state in a word.
struct Health {
  std::string word = "unknown";  // healthy | watch | alert | unknown
  std::string reason;            // one sentence
};
struct JudgedWindow {
  VariantResult live;
  std::string text;  // "week from 2013-06-03T00:00:00Z"
};
struct HealthFacts {
  std::vector<std::string>
      open_alerts;  // "calibration: calibration_bias is 0.041, over 0.03, in the week from ..."
  std::map<WindowKind, JudgedWindow> newest;  // of each kind
  const MonitorDefinition* definition = nullptr;
};
// alert: something is open. watch: nothing is, but requests failed, less than half of the labels
// came, or a rule's metric is past 0.8 of its threshold. unknown: no window was judged yet. Drifted
// inputs alone change no word: they explain, consequences alarm.
Health judge_health(const HealthFacts& facts);

}  // namespace slipway::monitor
