#include "monitor/rehearsal.h"

#include <gtest/gtest.h>

namespace slipway::monitor {
namespace {

StoredWindow week(int number, double ratio, std::int64_t labels = 1000) {
  const base::Timestamp start{number * base::Duration::days(7).micros};
  StoredWindow stored{.kind = WindowKind::kWeek,
                      .window = {.start = start, .end = start + base::Duration::days(7)}};
  stored.result.rows = stored.result.labels = labels;
  stored.result.metrics["log_loss_ratio"] = ratio;
  stored.judged_at = stored.window.end + base::Duration::hours(1);
  return stored;
}

AlertRule rule() {
  return MUST(
      parse_alert("try", "{metric: log_loss_ratio, window: week, over: 1.0, min_rows: 100}"));
}

TEST(Rehearsal, AnAlertStaysOneFromTheFirstWindowToTheFirstFineOne) {
  std::vector<StoredWindow> windows = {week(0, 0.9), week(1, 1.1), week(2, 1.3), week(3, 5.0, 7),
                                       week(4, 1.2), week(5, 0.8), week(6, 1.05)};
  StoredWindow day = week(7, 9);
  day.kind = WindowKind::kDay;
  windows.push_back(day);
  StoredWindow waiting = week(8, 9);
  waiting.judged_at.reset();
  windows.push_back(waiting);
  const Rehearsal rehearsal = rehearse(rule(), {}, windows, 0.01);
  EXPECT_EQ(rehearsal.strip, ".##?#.#");
  EXPECT_EQ(rehearsal.windows, 7);
  EXPECT_EQ(rehearsal.not_judged, 1);
  ASSERT_EQ(rehearsal.firings.size(), 2u);
  EXPECT_EQ(rehearsal.firings[0].windows, 3);
  EXPECT_EQ(rehearsal.firings[0].value, 1.1);
  EXPECT_EQ(rehearsal.firings[0].worst, 1.3);
  EXPECT_EQ(rehearsal.firings[0].opened_at, *windows[1].judged_at);
  EXPECT_EQ(rehearsal.firings[0].resolved_at, windows[5].judged_at);
  EXPECT_FALSE(rehearsal.firings[1].resolved_at);
}

TEST(Rehearsal, WorseIsTheOtherWayBelowABound) {
  AlertRule below = rule();
  below.over.reset();
  below.under = 1.0;
  const Rehearsal rehearsal = rehearse(below, {}, {week(0, 0.9), week(1, 0.4), week(2, 0.6)}, 0.01);
  ASSERT_EQ(rehearsal.firings.size(), 1u);
  EXPECT_EQ(rehearsal.firings[0].worst, 0.4);
  EXPECT_TRUE(rehearse(below, {}, {}, 0.01).firings.empty());
}

// As the monitor: it learns from the windows as it goes.
TEST(Rehearsal, ARuleWithoutAThresholdLearnsFirst) {
  const AlertRule unusual =
      MUST(parse_alert("try", "{metric: log_loss_ratio, window: week, unusual: high}"));
  std::vector<StoredWindow> windows;
  for (int number = 0; number < 20; ++number)
    windows.push_back(week(number, number == 18 ? 3 : 0.9 + number * 7 % 5 * 0.01));
  const Rehearsal rehearsal = rehearse(unusual, {}, windows, 0.01);
  EXPECT_EQ(rehearsal.strip, "????????????......#.");
  EXPECT_EQ(rehearsal.not_judged, 12);
  ASSERT_EQ(rehearsal.firings.size(), 1u);
  EXPECT_EQ(rehearsal.firings[0].value, 3);
}

// A p value of the method of today is no distance of yesterday's.
TEST(Rehearsal, WindowsThatAnotherMethodMeasuredAreNotJudged) {
  const AlertRule moved =
      MUST(parse_alert("try", "{metric: prediction_drift, window: week, over: 0.5}"));
  const auto measured = [](int number, const char* method) {
    StoredWindow window = week(number, 1);
    window.result.metrics["prediction_drift"] = 0.9;
    window.result.prediction_drift = PredictionDrift{.rule = {.method = method}, .found = {}};
    return window;
  };
  MonitorDefinition definition;
  definition.drift.prediction = DriftRule{.method = "psi"};
  const std::vector<StoredWindow> windows = {measured(0, "ks"), week(1, 1), measured(2, "psi")};
  EXPECT_EQ(rehearse(moved, definition, windows, 0.01).strip, "??#");
  const AlertRule unusual = MUST(
      parse_alert("try", "{metric: prediction_drift, window: week, unusual: high, over: 0.5}"));
  EXPECT_EQ(rehearse(unusual, definition, windows, 0.01).strip, "??#");
}

// The monitor judges what needs no labels when the window is over.
TEST(Rehearsal, WhatNeedsNoLabelsIsJudgedWhenTheWindowIsOver) {
  const AlertRule requests = MUST(parse_alert("try", "{metric: requests, window: week, over: 10}"));
  StoredWindow window = week(0, 1);
  window.result.metrics["requests"] = 1000;
  const Rehearsal rehearsal = rehearse(requests, {}, {window}, 0.01);
  ASSERT_EQ(rehearsal.firings.size(), 1u);
  EXPECT_EQ(rehearsal.firings[0].opened_at, window.window.end);
}

}  // namespace
}  // namespace slipway::monitor
