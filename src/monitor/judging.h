// What the monitor decides about a window before the transaction that records it; private to it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/budget/unusual.h"
#include "monitor/monitor.h"
#include "monitor/window_reads.h"

namespace slipway::monitor {

// A window's rows, with the columns that it is judged by, and what they are compared with.
struct Monitor::WindowRead {
  types::Frame frame;
  std::shared_ptr<const DriftProfile> reference;  // null: none
  std::string note;                               // on the reference
};

struct Monitor::Decided {
  const ActionRule* rule = nullptr;
  ActionDecision decision;
  std::int64_t about_revision = 0;  // the endpoint's newest by then
};

// Everything a judged window leads to, decided before the transaction that records it.
struct Monitor::Planned {
  struct Rule {
    const AlertRule* rule;
    RuleVerdict verdict;
    double value = 0;
    std::string why;         // method_words()
    UnusualVerdict unusual;  // of a rule without a threshold
    std::optional<Quiet> quiet;
    std::vector<Decided> actions;
  };
  std::vector<VariantResult> results;          // once labelled
  std::optional<VariantResult> first_look;     // before: of live, without what needs labels
  std::map<std::string, Estimates> estimates;  // by variant, with it
  // Estimators that know more now, by model version, as they are stored.
  std::map<std::int64_t, std::string> learned;
  std::map<std::string, PredictionBaseline> new_baselines;
  std::vector<Cause> causes;
  std::vector<Rule> rules;
};

}  // namespace slipway::monitor
