// What is seen of windows before their labels come: silence, estimates, what needs no labels.
#include <gtest/gtest.h>

#include <cmath>

#include "monitor/testing/monitor_fixture.h"
#include "types/timestamp.h"

namespace slipway::monitor {
namespace {

using testing::at;
using testing::MonitorTest;

TEST_F(MonitorTest, DaysWithoutRequestsAreSkipped) {
  apply();
  traffic("2013-06-05T00:00:00Z", 100, 50, base::Duration::hours(1));
  walk_to("2013-06-06T12:00:00Z");
  const auto windows = MUST(monitor_->windows("m", {.variant = "live"}));
  ASSERT_EQ(windows.size(), 1u);
  EXPECT_EQ(types::to_rfc3339(windows[0].window.start), "2013-06-05T00:00:00Z");
}

// A day without any request was skipped, so that nobody heard of an endpoint that nobody reached.
TEST_F(MonitorTest, SilenceIsJudgedOnceSomebodyHasAsked) {
  const char* declared =
      "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts:\n"
      "      few: {metric: requests, window: day, under: 10}\n"
      "      quiet: {metric: quiet_hours_max, window: day, over: 6}\n"
      "      sure: {metric: requests, window: day, under: 10, min_rows: 1}\n";
  MUST(monitor_->apply(MUST(parse_monitors(declared)), "test"));
  traffic("2013-06-05T00:00:00Z", 100, 50, base::Duration::hours(1));
  traffic("2013-06-08T00:00:00Z", 100, 50, base::Duration::hours(1));
  walk_to("2013-06-06T12:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u) << "nor before it was asked for the first time";
  walk_to("2013-06-07T00:00:00Z");
  auto open = MUST(monitor_->alerts({.open_only = true}));
  ASSERT_EQ(open.size(), 2u) << "sure wants to see one";
  EXPECT_EQ(open[0].opened_at, at("2013-06-07T00:00:00Z"));
  EXPECT_EQ(MUST(monitor_->health("e")).word, "alert");
  this->open();
  walk_to("2013-06-08T00:00:00Z");
  open = MUST(monitor_->alerts({.alert = "few"}));
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].windows, 2);
  const auto windows = MUST(monitor_->windows("m", {.variant = "live"}));
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[1].result.rows, 0);
  EXPECT_NEAR(windows[1].result.metrics.at("quiet_hours_max"), 24.24, 1e-9) << "since the last";
  EXPECT_NEAR(windows[2].result.metrics.at("quiet_hours"), 48.24, 1e-9);
  walk_to("2013-06-09T00:00:00Z");
  open = MUST(monitor_->alerts({.open_only = true}));
  ASSERT_EQ(open.size(), 1u) << "the silence ended within the window";
  EXPECT_EQ(open[0].alert, "quiet");
}

// Labels that stop are news before a window has waited for them in vain.
TEST_F(MonitorTest, HowLongNoLabelHasCome) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {after: 30d}\n"
          "    alerts: {stale: {metric: labels_quiet_hours, window: day, over: 20}}\n")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::hours(1));
  for (const char* day : {"2013-06-04T00:00:00Z", "2013-06-05T00:00:00Z"})
    traffic(day, 100, 50, base::Duration::days(20));
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u);
  walk_to("2013-06-05T00:00:00Z");
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_NEAR(alerts[0].value, 23.24, 1e-9);
}

// A table that nobody loads any more is news before a model does worse for it.
TEST_F(MonitorTest, HowOldTheFeaturesAre) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    complete: {after: 2d}\n"
          "    alerts: {stale: {metric: feature_age_hours_max, window: day, over: 20}}\n")),
      "test"));
  for (const char* day : {"2013-06-03T00:00:00Z", "2013-06-04T00:00:00Z", "2013-06-05T00:00:00Z"})
    traffic(day, 100, 50, base::Duration::hours(1));
  features_.oldest = at("2013-06-03T20:00:00Z");
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({})).size(), 0u);
  walk_to("2013-06-05T12:00:00Z");
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_NEAR(alerts[0].value, 28, 1e-9);
  features_.oldest = at("2013-06-08T00:00:00Z");
  walk_to("2013-06-09T00:00:00Z");
  const auto windows = MUST(monitor_->windows(
      "m",
      {.variant = "live", .from = at("2013-06-04T00:00:00Z"), .to = at("2013-06-05T00:00:00Z")}));
  ASSERT_EQ(windows.size(), 1u);
  ASSERT_TRUE(windows[0].judged_at);
  EXPECT_NEAR(windows[0].result.metrics.at("feature_age_hours_max"), 28, 1e-9)
      << "as it was when the window was over";
}

// Also while nobody asks the endpoint, and however late a window is looked at.
TEST_F(MonitorTest, HowOldTheDatasetsAre) {
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n"
          "    datasets: [loads, rates]\n    complete: {after: 1h}\n"
          "    alerts: {stale: {metric: dataset_age_hours_max, window: day, over: 50}}\n")),
      "test"));
  datasets_.versions["rates"] = {{at("2013-06-03T00:00:00Z"), at("2013-06-03T01:00:00Z")},
                                 {at("2013-06-06T00:00:00Z"), at("2013-06-06T00:00:00Z")}};
  datasets_.versions["loads"] = {{at("2013-06-04T00:00:00Z"), at("2013-06-04T01:00:00Z")}};
  traffic("2013-06-06T00:00:00Z", 10, 5, {});
  walk_to("2013-06-08T00:00:00Z");
  std::vector<double> ages;
  std::map<std::string, bool> was_quiet;
  for (const StoredWindow& window : MUST(monitor_->windows("m", {.variant = "live"}))) {
    ages.push_back(window.result.metrics.at("dataset_age_hours_max"));
    was_quiet[types::to_rfc3339(window.window.start)] =
        window.result.metrics.contains("quiet_hours");
  }
  std::ranges::sort(ages);
  EXPECT_EQ(ages, (std::vector<double>{24, 48, 48, 72, 96}));
  EXPECT_FALSE(was_quiet.at("2013-06-05T00:00:00Z")) << "nobody had asked before";
  EXPECT_TRUE(was_quiet.at("2013-06-07T00:00:00Z"));
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].value, 72);
}

// A name that is misspelt, or a load that never began.
TEST_F(MonitorTest, WhatNeverCameIsAsOldAsTheWatch) {
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    datasets: "
                          "[none]\n    alerts:\n"
                          "      stale: {metric: dataset_age_hours_max, window: day, over: 50}\n"
                          "      quiet: {metric: requests, window: day, under: 10}\n")),
      "test"));
  walk_to("2013-06-10T00:00:00Z");
  const auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u) << "nobody ever asked, which is no silence";
  EXPECT_EQ(alerts[0].alert, "stale");
  EXPECT_EQ(alerts[0].value, 72);
}

// No window is measured from itself, and none has to wait for the first verdict.
TEST_F(MonitorTest, PredictionsAreMeasuredFromTheFirstWindow) {
  MUST(monitor_->apply(
      MUST(
          parse_monitors("monitors:\n  m: {endpoint: e, windows: [day], complete: {after: 9d}}\n")),
      "test"));
  for (const char* day : {"2013-06-03T00:00:00Z", "2013-06-04T00:00:00Z"})
    traffic(day, 300, 50, base::Duration::days(5));
  const auto psi = [&] {
    std::vector<double> values;
    for (const StoredWindow& window :
         MUST(monitor_->windows("m", {.variant = "live", .to = at("2013-06-05T00:00:00Z")})))
      values.push_back(window.result.metrics.at("prediction_psi"));
    return values;
  };
  walk_to("2013-06-05T12:00:00Z");
  ASSERT_EQ(psi().size(), 2u);
  EXPECT_TRUE(std::isnan(psi()[0]));
  EXPECT_EQ(psi()[1], 0) << "the same predictions, long before their labels";
  walk_to("2013-06-10T12:00:00Z");
  EXPECT_GE(judged_, 2);
  EXPECT_TRUE(std::isnan(psi()[0])) << "also once it is judged";
  EXPECT_EQ(psi()[1], 0);
}

// Days are long where much is asked.
TEST_F(MonitorTest, HoursAreWindowsToo) {
  MUST(monitor_->apply(
      MUST(
          parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [hour, day]\n    alerts:\n"
                         "      few: {metric: requests, window: hour, under: 3}\n"
                         "      bias: {metric: calibration_bias, window: hour, abs_over: 0.3, "
                         "min_rows: 2}\n")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 96, 96, base::Duration::hours(1));
  walk_to("2013-06-03T03:00:00Z");
  const auto open = MUST(monitor_->alerts({.open_only = true}));
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].alert, "bias");
  EXPECT_EQ(open[0].window.end, at("2013-06-03T01:00:00Z"));
  EXPECT_LE(open[0].opened_at, at("2013-06-03T02:00:00Z")) << "an hour for its labels";
  walk_to("2013-06-04T02:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({.alert = "few"})).at(0).opened_at, at("2013-06-04T01:00:00Z"));
  EXPECT_EQ(MUST(monitor_->windows("m", {.kind = WindowKind::kHour, .variant = "live"})).size(),
            26u);
  EXPECT_EQ(MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"})).size(), 1u);
}

// One window that couldn't be read held up every other monitor.
TEST_F(MonitorTest, WhatCannotBeJudgedHoldsUpNothingElse) {
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n"
                          "  a: {endpoint: broken, windows: [day]}\n"
                          "  m: {endpoint: e, windows: [day], complete: {after: 0s}}\n")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::hours(1));
  requests_.failure = base::error(Code::kCorruption, "the file is cut short");
  requests_.failing_endpoint = "broken";
  const auto advanced = monitor_->advance(at("2013-06-04T12:00:00Z"));
  EXPECT_EQ(advanced.error().code, Code::kCorruption);
  EXPECT_NE(advanced.error().message.find("monitor a"), std::string::npos);
  EXPECT_EQ(MUST(monitor_->windows("m", {.variant = "live"})).size(), 1u);
}

// Nor does a window hold up what is seen of those behind it.
TEST_F(MonitorTest, AWindowThatCannotBeJudgedLeavesTheLooksBehindIt) {
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [day]\n"
                          "    alerts: {few: {metric: requests, window: day, under: 10}}\n")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::days(9));
  walk_to("2013-06-04T12:00:00Z");
  requests_.failure = base::error(Code::kCorruption, "the file is cut short");
  requests_.failing_from = at("2013-06-03T00:00:00Z");
  EXPECT_EQ(monitor_->advance(at("2013-06-05T12:00:00Z")).error().code, Code::kCorruption);
  const auto alerts = MUST(monitor_->alerts({.open_only = true}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].window.start, at("2013-06-04T00:00:00Z"));
  EXPECT_EQ(MUST(monitor_->health("e")).word, "alert");
  requests_.failure.reset();
  EXPECT_EQ(MUST(monitor_->advance(at("2013-06-05T12:00:00Z"))).windows, 2);
}

TEST_F(MonitorTest, WindowsThatAreNoLongerDeclaredWaitForNothing) {
  apply("", "30d");
  traffic("2013-06-03T00:00:00Z", 100, 50, base::Duration::days(40));
  walk_to("2013-06-11T00:00:00Z");
  EXPECT_FALSE(MUST(monitor_->windows("m", {.kind = WindowKind::kWeek})).empty());
  const auto declare = [&](const char* windows) {
    MUST(monitor_->apply(MUST(parse_monitors(fmt::format(
                             "monitors:\n  m: {{endpoint: e, windows: [{}]}}\n", windows))),
                         "test"));
  };
  declare("day");
  EXPECT_TRUE(MUST(monitor_->windows("m", {.kind = WindowKind::kWeek})).empty());
  walk_to("2013-06-25T00:00:00Z");
  declare("day, week");
  open();
  walk_to("2013-07-08T12:00:00Z");
  const auto weeks = MUST(monitor_->windows("m", {.kind = WindowKind::kWeek, .variant = "live"}));
  for (const StoredWindow& week : weeks) EXPECT_GE(week.window.start, at("2013-06-24T00:00:00Z"));
}

// Days behind one that waited for its labels were not looked at before it was judged: what broke on
// the second day was told when the labels of the first had come.
TEST_F(MonitorTest, WhatNeedsNoLabelsWaitsForNone) {
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [day, week]\n"
                          "    complete: {share: 0.99, after: 30d}\n"
                          "    reference: {from: 2013-03-01, to: 2013-06-01}\n    alerts:\n"
                          "      volume: {metric: requests, window: day, over: 150}\n"
                          "      bias: {metric: calibration_bias, window: day, abs_over: 0.1}\n")),
      "test"));
  const auto walk = [&](const char* to) {
    const std::size_t before = moments_.size();
    walk_to(to);
    return moments_.size() - before;
  };
  for (const char* day : {"2013-06-03", "2013-06-04", "2013-06-05", "2013-06-06"}) {
    traffic(fmt::format("{}T00:00:00Z", day).c_str(),
            std::string_view(day) < "2013-06-05" ? 100 : 200, 50, base::Duration::days(10));
  }
  walk("2013-06-06T00:00:00Z");
  auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert, "volume");
  EXPECT_EQ(alerts[0].opened_at, at("2013-06-06T00:00:00Z"));
  open();
  walk("2013-06-07T00:00:00Z");
  EXPECT_EQ(MUST(monitor_->alerts({}))[0].windows, 2) << "each is looked at once";
  EXPECT_EQ(judged_, 0);
  const auto waiting = MUST(monitor_->windows("m", {.kind = WindowKind::kDay}));
  ASSERT_EQ(waiting.size(), 4u);
  EXPECT_FALSE(waiting[3].judged_at);
  EXPECT_EQ(waiting[3].result.rows, 200);
  EXPECT_EQ(waiting[3].result.metrics.at("error_rate"), 0);
  EXPECT_FALSE(waiting[3].result.metrics.contains("auc"));
  walk("2013-06-14T12:00:00Z");
  EXPECT_EQ(judged_, 1);
  alerts = MUST(monitor_->alerts({.alert = "bias"}));
  ASSERT_EQ(alerts.size(), 0u) << "half of 100 were late, as was said";
  walk("2013-06-17T12:00:00Z");
  EXPECT_EQ(judged_, 16) << "four days and a week, and silent ones behind them";
  const auto judged = MUST(monitor_->windows("m", {.kind = WindowKind::kDay, .variant = "live"}));
  EXPECT_EQ(judged.size(), 14u);
}

// Scores that say what they mean: the share of ones among those of 0.9 is 0.9.
class EstimatesTest : public MonitorTest {
 protected:
  void honest_day(const char* day, base::Duration delay, bool turned = false) {
    for (int i = 0; i < 200; ++i) {
      const base::Timestamp time =
          at(day) + base::Duration{base::Duration::days(1).micros / 200 * i};
      const std::string id = fmt::format("{}-{}", day, i);
      const double score = i % 2 == 0 ? 0.9 : 0.1;
      requests_.log.push_back({.id = id, .event_time = time, .prediction = score});
      const bool unlikely = i % 20 >= 18;  // one in ten of each score
      later_.push_back({.request_id = id,
                        .value = ((score > 0.5) != unlikely) != turned ? 1 : 0,
                        .arrival_time = time + delay});
    }
  }
  void apply_estimates() {
    MUST(monitor_->apply(MUST(parse_monitors(R"(monitors:
  m:
    endpoint: e
    windows: [day]
    complete: {share: 0.99, after: 5d}
    estimate: {rows: 150}
    alerts:
      early: {metric: estimated_accuracy, window: day, under: 0.95, min_rows: 10}
      blind: {metric: estimate_error_accuracy, window: day, under: -0.5, min_rows: 10}
)")),
                         "test"));
  }
  StoredWindow newest() { return MUST(monitor_->windows("m", {})).back(); }
};

TEST_F(EstimatesTest, KnowsBeforeLabelsComeAndHowFarOffItWas) {
  apply_estimates();
  honest_day("2013-06-03T00:00:00Z", base::Duration::hours(2));
  honest_day("2013-06-04T00:00:00Z", base::Duration::days(2), true);
  walk_to("2013-06-04T12:00:00Z");
  EXPECT_EQ(newest().result.estimates.rows, 0) << "the first day is what is learned from";

  walk_to("2013-06-05T01:00:00Z");
  StoredWindow waiting = newest();
  EXPECT_FALSE(waiting.judged_at);
  EXPECT_NEAR(waiting.result.metrics.at("estimated_accuracy"), 0.9, 1e-9);
  EXPECT_EQ(waiting.result.metrics.count("accuracy"), 0u);
  auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert, "early");
  EXPECT_EQ(alerts[0].opened_at, at("2013-06-05T00:00:00Z")) << "when the day was over";

  open();  // after a restart the same is known, and nothing is judged twice
  walk_to("2013-06-05T02:00:00Z");
  EXPECT_NEAR(newest().result.metrics.at("estimated_accuracy"), 0.9, 1e-9);
  EXPECT_EQ(MUST(monitor_->alerts({}))[0].windows, 1);

  walk_to("2013-06-07T00:00:00Z");
  const StoredWindow judged = MUST(monitor_->windows("m", {})).at(1);
  ASSERT_TRUE(judged.judged_at);
  const Estimate& accuracy = judged.result.estimates.values.at("accuracy");
  EXPECT_NEAR(accuracy.value, 0.9, 1e-9);
  EXPECT_NEAR(accuracy.realised.value(), 0.1, 1e-2) << "what is asked turned around";
  EXPECT_NEAR(judged.result.metrics.at("estimate_error_accuracy"), -0.8, 1e-2);
  alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 2u);
  EXPECT_EQ(alerts[0].alert, "blind") << "an estimate can't see it, but its error says so";
}

// A feed that broke was told a day late: the alert waited for labels that it doesn't need.
TEST_F(MonitorTest, AlertsThatNeedNoLabelsAreJudgedWhenTheWindowIsOver) {
  MUST(monitor_->apply(
      MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts:\n"
                          "      volume: {metric: requests, window: day, over: 10, min_rows: 10}\n"
                          "      few: {metric: completeness, window: day, under: 2, min_rows: 10}\n"
                          "      bias: {metric: calibration_bias, window: day, abs_over: 0.01, "
                          "min_rows: 10}\n")),
      "test"));
  traffic("2013-06-03T00:00:00Z", 200, 190, base::Duration::hours(12));
  walk_to("2013-06-04T00:00:00Z");
  auto alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 1u);
  EXPECT_EQ(alerts[0].alert, "volume");
  EXPECT_EQ(alerts[0].opened_at, at("2013-06-04T00:00:00Z"));
  open();
  walk_to("2013-06-05T00:00:00Z");
  alerts = MUST(monitor_->alerts({}));
  ASSERT_EQ(alerts.size(), 3u);
  EXPECT_EQ(alerts[2].windows, 1) << "each window is judged once";
}

}  // namespace
}  // namespace slipway::monitor
