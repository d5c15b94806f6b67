// What the alarm budget is spent on: each rule's part, what it has learned, and the pages there
// were.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "monitor/budget/alarm_budget.h"
#include "monitor/budget/unusual.h"

namespace slipway::monitor {

struct BudgetReport {
  static constexpr std::size_t kPeriods = 8;

  // A rule of a monitor, a detector, or one that is gone but has paged.
  struct Line {
    std::string monitor, alert;
    std::optional<AlertRule> rule;  // unset: not an alert of a monitor (any more)
    bool counts = false;            // among the pages
    std::optional<DetectorRule> detector;
    double chance = 0;  // per window, of a rule without a threshold; ever, of a detector
    std::int64_t learned_from = 0;
    std::optional<Band> next;    // of a rule without a threshold, once it knows what is usual
    std::optional<Band> newest;  // what was said of its newest window
    // Of a declared threshold: the chance that the next window is beyond it by chance.
    std::optional<double> chance_of_threshold;
    std::vector<std::int64_t> pages;  // in each period, the newest first

    bool has_part() const;  // of the budget
    // Expected of it in a period of the budget although nothing is the matter; unset: not known.
    std::optional<double> false_pages(const AlarmBudget& budget) const;
    std::string state() const;  // "learning: 12 of 21 windows", "usual", ...
    JsonObject to_json(const AlarmBudget& budget) const;
  };

  AlarmBudget budget;
  bool is_declared = false;
  std::size_t shared_by = 0;             // rules without a threshold that it covers
  std::vector<base::Timestamp> periods;  // where they begin, the newest first
  std::vector<Line> lines;

  JsonObject to_json() const;
};

}  // namespace slipway::monitor
