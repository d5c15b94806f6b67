#include "monitor/alert_policy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::monitor {
namespace {

VariantResult live_with(const char* metric, double value, std::int64_t labels = 500) {
  VariantResult live{.variant = "live", .role = "live", .rows = 600, .labels = labels};
  live.completeness = 0.99;
  live.metrics[metric] = value;
  return live;
}

TEST(AlertPolicy, RulesFireOnTheirSideOnly) {
  struct Case {
    const char* name;
    AlertRule rule;
    double value;
    std::int64_t labels;
    RuleVerdict verdict;
  };
  const AlertRule over{.metric = "log_loss_ratio", .over = 1.0};
  const AlertRule under{.metric = "auc", .under = 0.7};
  const AlertRule both{.metric = "calibration_bias", .abs_over = 0.03};
  const Case cases[] = {
      {"above", over, 1.01, 500, RuleVerdict::kFires},
      {"at the bound", over, 1.0, 500, RuleVerdict::kFine},
      {"below", under, 0.69, 500, RuleVerdict::kFires},
      {"not below", under, 0.7, 500, RuleVerdict::kFine},
      {"negative", both, -0.031, 500, RuleVerdict::kFires},
      {"small", both, -0.03, 500, RuleVerdict::kFine},
      {"not computed", both, std::nan(""), 500, RuleVerdict::kNotJudged},
      {"too few labels", both, 0.5, 99, RuleVerdict::kNotJudged},
      {"just enough", both, 0.5, 100, RuleVerdict::kFires},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(judge_rule(c.rule, live_with(c.rule.metric.c_str(), c.value, c.labels)), c.verdict)
        << c.name;
  }
  const AlertRule rows{.metric = "error_rate", .over = 0.1};
  EXPECT_EQ(judge_rule(rows, live_with("error_rate", 0.2, 0)), RuleVerdict::kFires)
      << "no labels needed";
}

TEST(AlertPolicy, RulesOfOneInputLookAtItAlone) {
  VariantResult live = live_with("missing_rate", 0.02);
  live.drift = {
      {.feature = "distance", .psi = 0.5, .missing_rate = 1, .score = 0.4, .drifted = true},
      {.feature = "carrier", .categorical = true, .unseen_rate = 0.3}};
  live.violations = {.rows = 400, .columns = {{"carrier", {{"in", 100}}}}};
  const auto value = [&](std::string input, std::string metric) {
    return watched_value({.metric = std::move(metric), .input = std::move(input)}, live);
  };
  EXPECT_EQ(value("distance", "missing_rate"), 1);
  EXPECT_EQ(value("carrier", "missing_rate"), 0);
  EXPECT_EQ(value("carrier", "unseen_rate"), 0.3);
  EXPECT_EQ(value("distance", "psi"), 0.5);
  EXPECT_EQ(value("distance", "drift_score"), 0.4);
  EXPECT_EQ(value("distance", "drifted"), 1);
  EXPECT_EQ(value("carrier", "drifted"), 0);
  EXPECT_EQ(value("carrier", "violation_rate"), 0.25);
  EXPECT_EQ(value("distance", "violation_rate"), 0);
  EXPECT_TRUE(std::isnan(value("dest", "missing_rate")));
  const AlertRule rule{.name = "a", .metric = "missing_rate", .input = "distance", .over = 0.1};
  EXPECT_EQ(judge_rule(rule, live), RuleVerdict::kFires);
  EXPECT_EQ(rule.watched(), "missing_rate of distance");
}

TEST(AlertPolicy, ActionsAreGuarded) {
  const base::Timestamp now{base::Duration::days(100).micros};
  const ActionRule rule{
      .name = "retrain", .min_labels = 5000, .cool_down = base::Duration::days(21)};
  struct Case {
    const char* name;
    ActionFacts facts;
    double missing;
    bool start;
    const char* reason;
  };
  const Case cases[] = {
      {"first time", {.now = now, .new_labels = 5000}, 0, true, "5000 new labels"},
      {"one label short", {.now = now, .new_labels = 4999}, 0, false, "4999 of the 5000"},
      {"obstacle",
       {.now = now, .new_labels = 9000, .obstacle = "a run is active"},
       0,
       false,
       "a run is active"},
      {"silenced",
       {.now = now, .new_labels = 9000, .silence = "silenced by ann"},
       0,
       false,
       "by ann"},
      {"incident", {.now = now, .new_labels = 9000, .incident = 3}, 0, false, "incident 3 is open"},
      {"version", {.now = now, .new_labels = 9000, .version = 3}, 0, true, "new labels"},
      {"cooling",
       {.now = now, .last_started = now - base::Duration::days(20), .new_labels = 9000},
       0,
       false,
       "cooling down until 1970-04-12"},
      {"cooled",
       {.now = now, .last_started = now - base::Duration::days(21), .new_labels = 9000},
       0,
       true,
       "9000 new labels"},
      {"dirty", {.now = now, .new_labels = 9000}, 0.4, false, "temp is missing in 40 %"},
      {"a little dirty", {.now = now, .new_labels = 9000}, 0.2, true, "new labels"},
  };
  for (const Case& c : cases) {
    VariantResult live;
    live.drift.push_back({.feature = "temp", .missing_rate = c.missing});
    const ActionDecision decision = decide_action(rule, live, c.facts);
    EXPECT_EQ(decision.start, c.start) << c.name;
    EXPECT_NE(decision.reason.find(c.reason), std::string::npos)
        << c.name << ": " << decision.reason;
  }
}

// A unit that changed is missing nowhere: a model was trained on it while the rules said that it
// was wrong.
TEST(AlertPolicy, NothingIsTrainedOnInputsThatBreakTheirRules) {
  const ActionRule rule{.name = "retrain"};
  VariantResult live;
  live.violations = {.rows = 100, .flagged = 60, .columns = {{"pages", {{"max", 20}, {"min", 5}}}}};
  EXPECT_TRUE(decide_action(rule, live, {}).start);
  live.violations.columns["shop"]["in"] = 26;
  const ActionDecision decision = decide_action(rule, live, {});
  EXPECT_FALSE(decision.start);
  EXPECT_EQ(decision.reason,
            "the data is not clean: shop breaks a rule of the endpoint in 26 % of the rows");
  const ActionRule hold{.name = "hold", .kind = ActionKind::kHold, .max_missing_rise = 1};
  EXPECT_TRUE(decide_action(hold, live, {}).start);
}

TEST(AlertPolicy, EachKindOfActionHasItsGuards) {
  VariantResult live;
  live.model_version = 4;
  ActionRule back{.name = "back", .kind = ActionKind::kRollback, .confirmed = 2};
  EXPECT_FALSE(decide_action(back, live, {.fired = 1, .version = 4}).start);
  EXPECT_TRUE(decide_action(back, live, {.fired = 2, .version = 4}).start);
  EXPECT_FALSE(decide_action(back, live, {.fired = 2, .version = 5}).start) << "another answers";
  EXPECT_FALSE(decide_action(back, live, {.fired = 2, .incident = 1, .version = 4}).start);
  back.despite_incident = true;
  EXPECT_TRUE(decide_action(back, live, {.fired = 2, .incident = 1, .version = 4}).start);
  const ActionRule hold{.name = "hold", .kind = ActionKind::kHold};
  EXPECT_TRUE(decide_action(hold, live, {.version = 5}).start) << "it changes no version";
  const ActionRule page{.name = "page", .kind = ActionKind::kIncident};
  EXPECT_TRUE(decide_action(page, live, {.incident = 1}).start);
  EXPECT_FALSE(decide_action(page, live, {.silence = "quiet"}).start);
}

TEST(AlertPolicy, CausesAreTheInputsThatMovedLargestFirst) {
  VariantResult live;
  live.drift = {
      {.feature = "still", .psi = 0.05},
      {.feature = "hour", .psi = 0.2},
      {.feature = "temp", .psi = 0.9},
      {.feature = "seats", .psi = 0.01, .missing_rate = 0.3, .reference_missing_rate = 0.1},
      {.feature = "carrier", .categorical = true, .psi = 0.3, .unseen_rate = 0.02},
      {.feature = "gone", .psi = std::nan(""), .missing_rate = 1}};
  MonitorDefinition definition;
  const auto causes = find_causes(definition, live);
  ASSERT_EQ(causes.size(), 5u);
  EXPECT_EQ(causes[0].drift.feature, "gone");
  EXPECT_EQ(causes[0].kind, "missing_rate");
  EXPECT_EQ(causes[1].drift.feature, "temp");
  EXPECT_EQ(causes[1].kind, "distribution");
  EXPECT_EQ(causes[2].kind, "unseen_category");
  EXPECT_EQ(causes[3].drift.feature, "hour");
  EXPECT_EQ(causes[4].kind, "missing_rate");
  definition.causes_max = 2;
  EXPECT_EQ(find_causes(definition, live).size(), 2u);

  // What broke its rule is told first, once, and as that, with how it moved.
  live.violations = {.rows = 100, .flagged = 90, .columns = {{"hour", {{"max", 90}}}}};
  const auto broken = find_causes(definition, live);
  EXPECT_EQ(broken[0].kind, "violation");
  EXPECT_EQ(broken[0].drift.feature, "hour");
  EXPECT_EQ(broken[0].drift.psi, 0.2);
  EXPECT_EQ(broken[1].drift.feature, "gone");
}

TEST(AlertPolicy, HealthInAWord) {
  MonitorDefinition definition;
  definition.alerts = {{.name = "bias",
                        .metric = "calibration_bias",
                        .window = WindowKind::kWeek,
                        .abs_over = 0.03}};
  const auto judged = [&](VariantResult live, std::vector<std::string> open = {}) {
    HealthFacts facts{.open_alerts = std::move(open), .definition = &definition};
    facts.newest[WindowKind::kWeek] = {std::move(live), "week from x"};
    return judge_health(facts);
  };
  EXPECT_EQ(judge_health({}).word, "unknown");
  EXPECT_EQ(judged(live_with("calibration_bias", 0.01)).word, "healthy");
  EXPECT_EQ(judged(live_with("calibration_bias", -0.025)).word, "watch");
  EXPECT_EQ(judged(live_with("calibration_bias", 0.01), {"bias: is 0.04"}).word, "alert");
  VariantResult failing = live_with("calibration_bias", 0);
  failing.errors = 3;
  EXPECT_EQ(judged(failing).word, "watch");
  VariantResult unlabelled = live_with("calibration_bias", std::nan(""));
  unlabelled.completeness = 0.4;
  EXPECT_EQ(judged(unlabelled).word, "watch");
  VariantResult drifted = live_with("calibration_bias", 0.01);
  drifted.drift = {{.feature = "temp", .psi = 0.9}};
  EXPECT_EQ(judged(drifted).word, "healthy");
  EXPECT_NE(judged(drifted).reason.find("1 of 1 inputs moved"), std::string::npos);
}

}  // namespace
}  // namespace slipway::monitor
