#include "monitor/budget/budget_report.h"

#include "types/timestamp.h"

namespace slipway::monitor {

bool BudgetReport::Line::has_part() const {
  return detector ? detector->shares_budget() : rule && rule->unusual;
}

std::optional<double> BudgetReport::Line::false_pages(const AlarmBudget& budget) const {
  if (detector && has_part()) return chance;
  if (!rule) return std::nullopt;
  const double windows = days_of(budget.per) / days_of(rule->window);
  if (rule->unusual) return chance * windows;
  if (chance_of_threshold) return *chance_of_threshold * windows;
  return std::nullopt;
}

std::string BudgetReport::Line::state() const {
  if (detector) return has_part() ? "detector" : "detector, beside the budget";
  if (!rule) return "";
  if (!rule->unusual) {
    return chance_of_threshold ? "threshold" : "threshold, learning";
  }
  if (!next) {
    return fmt::format("learning: {} of {} windows", learned_from, windows_needed(rule->window));
  }
  return newest && newest->how != Departure::kNone ? "unusual" : "usual";
}

JsonObject BudgetReport::Line::to_json(const AlarmBudget& budget) const {
  JsonObject object{{"monitor", monitor}, {"alert", alert}, {"counts", counts}, {"state", state()}};
  object["metric"] = rule ? Json(rule->metric) : Json(nullptr);
  object["window"] = rule ? Json(window_name(rule->window)) : Json(nullptr);
  object["severity"] = rule ? Json(rule->severity) : Json(nullptr);
  object["unusual"] = rule && rule->unusual ? Json(unusual_name(*rule->unusual)) : Json(nullptr);
  object["threshold"] = rule && rule->has_bound() ? Json(rule->threshold()) : Json(nullptr);
  object["chance_per_window"] = nullptr;
  if (rule && rule->unusual) object["chance_per_window"] = chance;
  if (chance_of_threshold) object["chance_per_window"] = *chance_of_threshold;
  const auto expected = false_pages(budget);
  object["false_pages"] = expected ? Json(*expected) : Json(nullptr);
  object["learned_from"] = learned_from;
  object["needed"] = rule ? Json(windows_needed(rule->window)) : Json(nullptr);
  object["next"] = next ? Json(next->bounds()) : Json(nullptr);
  JsonArray counted;
  for (const std::int64_t number : pages) counted.emplace_back(number);
  object["pages"] = std::move(counted);
  return object;
}

JsonObject BudgetReport::to_json() const {
  JsonObject object{{"budget", budget.to_json()},
                    {"declared", is_declared},
                    {"shared_by", shared_by},
                    {"chance_per_window_max", kChanceMax}};
  double allotted = 0, of_thresholds = 0;
  std::vector<std::int64_t> pages(periods.size(), 0);
  JsonArray rules, starts, counted;
  for (const Line& line : lines) {
    rules.push_back(line.to_json(budget));
    if (!line.counts) continue;
    const double expected = line.false_pages(budget).value_or(0);
    (line.has_part() ? allotted : of_thresholds) += expected;
    for (std::size_t i = 0; i < line.pages.size(); ++i) pages[i] += line.pages[i];
  }
  for (const base::Timestamp start : periods) starts.emplace_back(types::to_rfc3339(start));
  for (const std::int64_t number : pages) counted.emplace_back(number);
  object["false_pages"] = allotted;
  object["false_pages_of_thresholds"] = of_thresholds;
  object["periods"] = std::move(starts);
  object["pages"] = std::move(counted);
  object["rules"] = std::move(rules);
  return object;
}

}  // namespace slipway::monitor
