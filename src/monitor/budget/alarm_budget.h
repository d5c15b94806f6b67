// How many false pages people will bear, over all monitors together: `alarm_budget:` of
// slipway.yaml. Pure functions.
//
// Each rule without a threshold (budget/unusual.h) gets an equal part, and spreads it over its
// windows; so does each detector that holds its chance however long it watches and doesn't say
// which: its part is the chance of ever paging falsely until it pages. However the rules depend on
// each other, the expected number of false pages is then at most the budget: expectations add up. A
// false discovery rate would promise less: the more true pages there are, the more false ones it
// lets through.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/definition.h"
#include "types/yaml_reader.h"

namespace slipway::monitor {

struct AlarmBudget {
  double false_pages = 1;
  WindowKind per = WindowKind::kWeek;
  // What is a page: alerts of these severities, that go to one of these routes.
  std::vector<std::string> severities = {"critical", "warning"};
  std::vector<std::string> routes;  // empty: wherever they go

  bool covers(const std::string& severity, const std::vector<std::string>& to) const;
  bool covers(const AlertRule& rule) const { return covers(rule.severity, rule.routes); }
  bool covers(const DetectorRule& rule) const { return covers(rule.severity, rule.routes); }
  JsonObject to_json() const;  // in the shape of slipway.yaml, so that it is read back
  bool operator==(const AlarmBudget&) const = default;
};

// Reads the `alarm_budget:` part of a whole slipway.yaml; nothing: it has none. kInvalidArgument
// with line and column.
Result<std::optional<AlarmBudget>> parse_alarm_budget(const types::YamlSource& slipway_yaml);
// Reads the mapping alone: YAML, or the JSON of to_json().
Result<AlarmBudget> parse_alarm_budget_mapping(std::string_view text);

// How long windows of this kind are, in days; months on average.
double days_of(WindowKind kind);

// The chance with which a rule may fire in one window although nothing is the matter, when `rules`
// rules without a threshold share the budget. Those that it doesn't cover, and any however large
// the budget is, have at most kChanceMax.
constexpr double kChanceMax = 0.01;
double chance_per_window(const AlarmBudget& budget, std::size_t rules, const AlertRule& rule);
double chance_of_detector(const AlarmBudget& budget, std::size_t rules, const DetectorRule& rule);

}  // namespace slipway::monitor
