#include "monitor/budget/alarm_budget.h"

#include <gtest/gtest.h>

namespace slipway::monitor {
namespace {

AlertRule rule(const char* text) { return MUST(parse_alert("a", text)); }

TEST(AlarmBudget, ReadsWhatIsDeclaredAndReadsItBack) {
  const auto budget =
      MUST(parse_alarm_budget("project: p\nalarm_budget: {false_pages: 2, per: month, severity: "
                              "critical, route: [pager]}"));
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->false_pages, 2);
  EXPECT_EQ(budget->per, WindowKind::kMonth);
  EXPECT_EQ(budget->severities, std::vector<std::string>{"critical"});
  EXPECT_EQ(MUST(parse_alarm_budget_mapping(base::to_text(budget->to_json()))), *budget);
  EXPECT_FALSE(MUST(parse_alarm_budget("project: p")));
  EXPECT_FALSE(MUST(parse_alarm_budget("")));
}

TEST(AlarmBudget, SaysWhereSomethingIsWrong) {
  for (const auto& [text, expected] : std::vector<std::pair<const char*, const char*>>{
           {"{per: week}", "false_pages"},
           {"{false_pages: 0}", "between"},
           {"{false_pages: many}", "number"},
           {"{false_pages: 1, per: year}", "day, week or month"},
           {"{false_pages: 1, severity: [loud]}", "severity"},
           {"{false_pages: 1, budget: 2}", "budget"}}) {
    const auto parsed = parse_alarm_budget(fmt::format("alarm_budget: {}", text));
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find(expected), std::string::npos) << parsed.error().message;
  }
}

TEST(AlarmBudget, CoversSeveritiesAndRoutes) {
  AlarmBudget budget;
  EXPECT_TRUE(budget.covers("critical", {}));
  EXPECT_TRUE(budget.covers("warning", {}));
  EXPECT_FALSE(budget.covers("info", {"pager"})) << "who is only told is not paged";
  budget.routes = {"pager"};
  EXPECT_FALSE(budget.covers("critical", {"chat"}));
  EXPECT_TRUE(budget.covers("critical", {"chat", "pager"}));
}

// Whatever kinds of window they judge, all of them together are expected to fire falsely as often
// as the budget says.
TEST(AlarmBudget, IsSharedEquallyAndSpreadOverTheWindows) {
  const AlarmBudget budget;  // one a week
  const AlertRule day = rule("{metric: auc, window: day, unusual: low}");
  const AlertRule week = rule("{metric: auc, window: week, unusual: low}");
  const AlertRule info = rule("{metric: auc, window: day, unusual: low, severity: info}");
  EXPECT_DOUBLE_EQ(chance_per_window(budget, 250, day), 1.0 / 250 / 7);
  EXPECT_DOUBLE_EQ(chance_per_window(budget, 250, week), 1.0 / 250);
  EXPECT_DOUBLE_EQ(chance_per_window(budget, 1, day), kChanceMax)
      << "a budget is no reason to be noisy";
  EXPECT_DOUBLE_EQ(chance_per_window(budget, 250, info), kChanceMax);
}

}  // namespace
}  // namespace slipway::monitor
