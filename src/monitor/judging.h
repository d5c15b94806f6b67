// What the monitor decides about a window before the transaction that records it; private to it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/monitor.h"

namespace slipway::monitor {

// Everything a judged window leads to, decided before the transaction that records it.
struct Monitor::Planned {
  struct Rule {
    const AlertRule* rule;
    RuleVerdict verdict;
    double value = 0;
    std::optional<ActionDecision> decision;
  };
  std::vector<VariantResult> results;          // once labelled
  std::map<std::string, Estimates> estimates;  // before
  Estimators learned;                          // that know more now
  std::map<std::string, PredictionBaseline> new_baselines;
  std::vector<Cause> causes;
  std::vector<Rule> rules;
  std::string note;  // why there is no drift
};

}  // namespace slipway::monitor
