// Rules without a threshold, window by window.
#include <gtest/gtest.h>

#include "monitor/testing/monitor_fixture.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using testing::at;
using testing::MonitorTest;

// Requests a day around 200; `fired` says what the alert on them did, day by day.
class UnusualMonitorTest : public MonitorTest {
 protected:
  void declare(const char* alert) {
    MUST(monitor_->apply(MUST(parse_monitors(fmt::format(
                             "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts:\n"
                             "      a: {}\n",
                             alert))),
                         "test"));
  }
  static std::string start(int day) {
    return types::to_rfc3339(at("2013-06-03T00:00:00Z") + base::Duration::days(day));
  }
  void days(int from, int to, int requests) {
    for (int day = from; day < to; ++day)
      traffic(start(day).c_str(), requests + day * 7 % 11, 50, base::Duration::hours(1));
  }
  JsonObject line() { return MUST(monitor_->budget_report()).lines.at(0).to_json(AlarmBudget()); }
};

TEST_F(UnusualMonitorTest, ARuleWithoutAThresholdLearnsThenTellsOnce) {
  declare("{metric: requests, window: day, unusual: high, min_rows: 10}");
  days(0, 26, 200);
  days(26, 30, 400);
  days(30, 33, 200);
  walk_to(start(13).c_str());
  EXPECT_EQ(line().at("state"), Json("learning: 13 of 21 windows"));
  EXPECT_TRUE(line().at("next").is_null());
  walk_to(start(26).c_str());
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 0u);
  EXPECT_EQ(line().at("state"), Json("usual"));
  EXPECT_NEAR(line().at("next").at("high").to_number<double>(), 260, 20)
      << "counts have an error of their own";
  walk_to(start(27).c_str());
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(types::to_rfc3339(alerts[0].opened_at), start(27)) << "it needs no labels";
  EXPECT_NE(alerts[0].why.find("requests is higher than usual"), std::string::npos);
  EXPECT_NEAR(alerts[0].threshold, 260, 20);
  EXPECT_EQ(line().at("state"), Json("unusual"));
  walk_to(start(35).c_str());
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 1u) << "paged once";
  EXPECT_FALSE(MUST(monitor_->alerts({}))[0].is_open());
  EXPECT_EQ(line().at("pages").as_array().at(1), Json(1)) << "the week before this one";
  EXPECT_EQ(MUST(monitor_->alert_bands("m", "a")).size(), 12u);
  EXPECT_EQ(monitor_->alert_bands("m", "b").error().code, Code::kNotFound);
}

// The newest hundred windows were looked at, known or not: after a quiet season a rule knew
// nothing.
TEST_F(UnusualMonitorTest, LearnsFromKnownWindowsHoweverFarBackTheyAre) {
  declare("{metric: requests, window: day, unusual: high, min_rows: 100}");
  days(0, 26, 200);
  for (int day = 26; day < 140; ++day) traffic(start(day).c_str(), 3, 1, base::Duration::hours(1));
  days(140, 141, 600);
  walk_to(start(140).c_str());
  EXPECT_EQ(line().at("state"), Json("usual"));
  EXPECT_EQ(line().at("learned_from"), Json(26));
  walk_to(start(142).c_str());
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 1u);
}

// Where labels take a month, what needs none was learned a month later, too.
TEST_F(UnusualMonitorTest, LearnsFromWindowsThatWaitForTheirLabels) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {after: 90d}\n"
          "    alerts:\n      a: {metric: requests, window: day, unusual: high}\n"
          "      b: {metric: auc, window: day, unusual: low}\n")),
      "test"));
  for (int day = 0; day < 27; ++day)
    traffic(start(day).c_str(), 200 + day * 7 % 11, 50, base::Duration::days(60));
  traffic(start(27).c_str(), 600, 50, base::Duration::days(60));
  walk_to(start(27).c_str());
  EXPECT_EQ(line().at("state"), Json("usual"));
  EXPECT_EQ(MUST(monitor_->budget_report()).lines.at(1).learned_from, 0) << "b needs the labels";
  walk_to(start(28).c_str());
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 1u);
  EXPECT_EQ(judged_, 0);
}

TEST_F(UnusualMonitorTest, SilenceStandsOut) {
  declare("{metric: quiet_hours_max, window: day, unusual: high}");
  days(0, 26, 200);
  walk_to(start(26).c_str());
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u);
  walk_to(start(27).c_str());
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 1u);
}

TEST_F(UnusualMonitorTest, WhatIsDeclaredOtherwiseIsLearnedAnew) {
  const auto declare_m = [&](const std::string& endpoint, const std::string& more,
                             const char* metric = "requests") {
    MUST(monitor_->apply(
        MUST(parse_monitors(fmt::format(
            "monitors:\n  m:\n    endpoint: {}\n    windows: [day]\n    alerts:\n      a: "
            "{{metric: {}, window: day, unusual: high, min_rows: 10}}\n{}",
            endpoint, metric, more))),
        "test"));
  };
  const auto learned = [&] { return line().at("learned_from").to_number<int>(); };
  declare_m("e", "");
  days(0, 26, 200);
  days(26, 28, 400);
  days(28, 60, 200);
  walk_to(start(27).c_str());
  EXPECT_EQ(learned(), 26);
  ASSERT_TRUE(MUST(monitor_->alerts({})).at(0).is_open());
  declare_m("e",
            "    complete: {share: 0.5, after: 12h}\n    reference: {from: 2013-03-01, to: "
            "2013-06-01}\n");
  EXPECT_EQ(learned(), 26) << "the rule is as it was";
  EXPECT_TRUE(MUST(monitor_->alerts({})).at(0).is_open());
  declare_m("other", "");
  EXPECT_EQ(learned(), 0);
  EXPECT_TRUE(MUST(monitor_->alert_bands("m", "a")).empty());
  EXPECT_FALSE(MUST(monitor_->alerts({})).at(0).is_open()) << "nothing would ever resolve it";
  EXPECT_EQ(MUST(monitor_->health("other")).word, "unknown");
  open();
  EXPECT_EQ(learned(), 0);
  walk_to(start(37).c_str());
  EXPECT_EQ(learned(), 10);
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 1u);
  declare_m("other", "", "mean_prediction");
  EXPECT_EQ(learned(), 10) << "as a rule that is declared later";
  declare_m("other", "    time_zone: America/New_York\n");
  walk_to(start(40).c_str());
  EXPECT_EQ(learned(), 2) << "the day that was cut short is none to learn from";
}

TEST_F(UnusualMonitorTest, GoesByItsBoundWhileItLearns) {
  declare("{metric: requests, window: day, unusual: high, over: 300, min_rows: 10}");
  days(0, 4, 200);
  days(4, 5, 400);
  walk_to(start(7).c_str());
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].threshold, 300);
  EXPECT_EQ(alerts[0].why, "");
}

// What was learned is what was written: a monitor that is opened anew for each window, and one that
// goes through all of them at once, say the same.
TEST_F(UnusualMonitorTest, SaysTheSameHoweverOftenItIsOpenedAndAdvanced) {
  const auto played = [&](bool reopens) {
    MonitorTest::open();
    declare("{metric: requests, window: day, unusual: both, min_rows: 10}");
    days(0, 30, 200);
    days(30, 33, 300);
    days(33, 40, 200);
    for (int day = 1; day < 42; ++day) {
      if (!reopens && day < 41) continue;
      walk_to(start(day).c_str());
      if (reopens) MonitorTest::open();
    }
    std::string said;
    for (const Band& band : MUST(monitor_->alert_bands("m", "a")))
      said += base::to_text(band.to_json()) + "\n";
    for (const AlertRecord& alert : MUST(monitor_->alerts({})))
      said += fmt::format("{} {} {}\n", types::to_rfc3339(alert.opened_at), alert.windows,
                          alert.is_open());
    return said;
  };
  const std::string often = played(true);
  monitor_.reset();
  db_.reset();
  std::filesystem::remove_all(folder_.path());
  std::filesystem::create_directories(folder_.path());
  requests_.log.clear();
  clock_.set(at("2013-06-03T00:00:00Z"));
  EXPECT_EQ(played(false), often);
  EXPECT_NE(often.find("2013-07-04"), std::string::npos);
}

// Hours of New York, over the change of its clocks on 2013-11-03: at night nobody asks, which is
// unusual of no hour of the night and of each of the day.
TEST_F(UnusualMonitorTest, AnHourIsLearnedFromTheSameHourOfOtherDays) {
  clock_.set(at("2013-10-01T04:00:00Z"));
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [hour]\n    time_zone: "
                          "America/New_York\n    alerts:\n      a: {metric: requests, window: "
                          "hour, unusual: low}\n")),
      "test"));
  const base::Timestamp first = at("2013-10-01T04:00:00Z"), change = at("2013-11-03T06:00:00Z");
  const auto ask = [&](int days_from, int days_to, const std::function<bool(int)>& is_asked) {
    for (int hour = days_from * 24; hour < days_to * 24; ++hour) {
      // Where clocks were put back, an hour later on ours.
      const base::Timestamp start =
          first + base::Duration::hours(hour) + base::Duration::hours(hour >= 33 * 24 + 2 ? 1 : 0);
      if (hour % 24 < 6 || !is_asked(hour)) continue;
      for (int i = 0; i < 40; ++i) {
        requests_.log.push_back({.id = fmt::format("{}-{}", hour, i),
                                 .event_time = start + base::Duration{std::int64_t{60'000'000} * i},
                                 .prediction = 0.5});
      }
    }
  };
  ask(0, 50, [](int hour) { return hour < 45 * 24 + 12 || hour >= 45 * 24 + 15; });
  walk_to("2013-10-15T12:00:00Z");
  EXPECT_EQ(line().at("state"), Json("learning: 14 of 21 windows"));
  walk_to(types::to_rfc3339(change + base::Duration::days(10)).c_str());
  EXPECT_EQ(line().at("state"), Json("usual"));
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u) << MUST(monitor_->alerts({})).at(0).why;
  walk_to("2013-11-15T19:00:00Z");
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 1u);
  EXPECT_TRUE(MUST(monitor_->alerts({}))[0].is_open());
  EXPECT_EQ(types::to_rfc3339(MUST(monitor_->alerts({}))[0].opened_at), "2013-11-15T18:00:00Z");
  open();
  walk_to("2013-11-19T00:00:00Z");
  ASSERT_EQ(MUST(monitor_->alerts({})).size(), 1u) << "paged once";
  EXPECT_FALSE(MUST(monitor_->alerts({}))[0].is_open());
}

TEST_F(UnusualMonitorTest, DetectorsThatHoldTheirChanceShareTheBudget) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts:\n      a: {metric: "
          "requests, window: day, unusual: low}\n    detectors:\n      part: {method: rate_above, "
          "of: error, bound: 0.1}\n      own: {method: rate_above, of: error, bound: 0.1, alpha: "
          "0.2}\n      told: {method: mean_outside, of: prediction, high: 1, severity: info}\n     "
          " "
          "beside: {method: adwin, of: prediction}\n")),
      "test"));
  MUST(monitor_->apply_alarm_budget(AlarmBudget{.false_pages = 0.01}, "ann"));
  const BudgetReport report = MUST(monitor_->budget_report());
  EXPECT_EQ(report.shared_by, 2u);
  std::map<std::string, JsonObject> lines;
  for (const auto& one : report.lines) lines[one.alert] = one.to_json(report.budget);
  EXPECT_EQ(lines.at("part").at("false_pages"), Json(0.005));
  EXPECT_EQ(lines.at("part").at("state"), Json("detector"));
  EXPECT_TRUE(lines.at("own").at("false_pages").is_null());
  EXPECT_EQ(lines.at("own").at("state"), Json("detector, beside the budget"));
  EXPECT_FALSE(lines.at("told").at("counts").as_bool());
  EXPECT_TRUE(lines.at("beside").at("false_pages").is_null());
  const JsonObject all = report.to_json();
  EXPECT_DOUBLE_EQ(all.at("false_pages").to_number<double>(), 0.01);
  const auto detectors = MUST(monitor_->definition("m")).detectors;
  EXPECT_DOUBLE_EQ(*monitor_->allowed_chance(detectors.at(0)), 0.005);
  EXPECT_FALSE(monitor_->allowed_chance(detectors.at(1)));
}

TEST_F(UnusualMonitorTest, TheBudgetIsDeclaredOnceAndShared) {
  declare("{metric: requests, window: day, unusual: both, min_rows: 10}");
  EXPECT_FALSE(MUST(monitor_->budget_report()).is_declared);
  const AlarmBudget budget{.false_pages = 0.1};
  EXPECT_EQ(MUST(monitor_->apply_alarm_budget(budget, "ann")).at(0).change, "created");
  EXPECT_EQ(MUST(monitor_->apply_alarm_budget(budget, "ann")).at(0).change, "unchanged");
  open();
  const BudgetReport report = MUST(monitor_->budget_report());
  EXPECT_EQ(report.budget, budget);
  EXPECT_EQ(report.shared_by, 1u);
  EXPECT_NEAR(report.lines.at(0).chance, 0.1 / 7, 0.01);
  const AlertRule rule = MUST(monitor_->definition("m")).alerts.front();
  EXPECT_DOUBLE_EQ(monitor_->allowed_chance(rule), kChanceMax);
  EXPECT_DOUBLE_EQ(monitor_->allowed_chance(rule, false), 0.1 / 14);
  EXPECT_EQ(MUST(monitor_->apply_alarm_budget(std::nullopt, "ann")).at(0).change, "deleted");
  EXPECT_TRUE(monitor_->plan_alarm_budget(std::nullopt).empty());
}

}  // namespace
}  // namespace slipway::monitor
