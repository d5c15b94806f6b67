// What is read of the request log for a window: the columns that its monitor uses, and no others.
#include "monitor/window_reads.h"

#include <gtest/gtest.h>

#include <cmath>

#include "monitor/testing/monitor_fixture.h"

namespace slipway::monitor {
namespace {

using testing::at;
using testing::LoggedRequest;
using testing::MonitorTest;

constexpr const char* kDay = "2013-06-03T00:00:00Z";

class WindowReadsTest : public MonitorTest {
 protected:
  WindowReadsTest() { requests_.kept_column = "unused"; }

  bool read_all_columns() const {
    return std::any_of(requests_.asked.begin(), requests_.asked.end(), [](const auto& columns) {
      return columns.empty() ||
             std::find(columns.begin(), columns.end(), "unused") != columns.end();
    });
  }
  bool read_column(const std::string& name) const {
    return std::any_of(requests_.asked.begin(), requests_.asked.end(), [&](const auto& columns) {
      return std::find(columns.begin(), columns.end(), name) != columns.end();
    });
  }
  void judge_days(const std::string& more = "", const std::string& problem = "") {
    open();
    MUST(monitor_->apply(
        MUST(parse_monitors("monitors:\n  m:\n    endpoint: e\n    windows: [day]\n" + problem +
                            "    reference: {from: 2013-03-01, to: 2013-06-01}\n" + more)),
        "test"));
    traffic(kDay, 400, 200, base::Duration::hours(1));
    traffic("2013-06-04T00:00:00Z", 400, 200, base::Duration::hours(1));
    walk_to("2013-06-06T12:00:00Z");
    ASSERT_GE(judged_, 2);
  }
};

TEST_F(WindowReadsTest, AColumnThatNobodyUsesIsNotRead) {
  limits_ = {.slice_rows = 0, .duplicate_rows = 0};
  reference_.frame = testing::to_frame({{.id = "r", .x = 1}, {.id = "s", .x = 2}});
  std::erase_if(reference_.frame.columns(), [](const auto& column) { return column.name != "x"; });
  judge_days(
      "    slices: [carrier, {name: far, when: \"carrier == 'UA'\"}]\n"
      "    alerts: {bias: {metric: calibration_bias, window: day, abs_over: 0.9}}\n");
  EXPECT_FALSE(read_all_columns());
  EXPECT_TRUE(read_column("x"));        // drift
  EXPECT_TRUE(read_column("carrier"));  // a declared slice
  const auto windows = MUST(monitor_->windows("m", {.variant = "live"}));
  ASSERT_FALSE(windows.empty());
  EXPECT_EQ(windows.front().result.drift.size(), 1u);
  EXPECT_TRUE(std::isnan(windows.front().result.metrics.at("duplicate_rate")));
}

TEST_F(WindowReadsTest, ARegressionLearnsFromAllInputsAndIsEstimatedFromThose) {
  limits_ = {.slice_rows = 0, .duplicate_rows = 0};
  judge_days("    estimate: {rows: 300}\n", "    problem: regression\n");
  EXPECT_TRUE(read_all_columns());  // nobody can say before which of them tell anything
  requests_.asked.clear();
  traffic("2013-06-06T00:00:00Z", 400, 200, base::Duration::hours(1));
  walk_to("2013-06-08T12:00:00Z");
  EXPECT_FALSE(std::any_of(requests_.asked.begin(), requests_.asked.end(),
                           [](const auto& columns) { return columns.empty(); }));
  EXPECT_TRUE(read_column("x"));
  const auto windows = MUST(monitor_->windows("m", {.variant = "live"}));
  EXPECT_TRUE(std::any_of(windows.begin(), windows.end(), [](const StoredWindow& window) {
    return window.result.metrics.contains("estimated_mae");
  }));
}

TEST_F(WindowReadsTest, DuplicatesAreCountedInSmallWindowsAndWhereAnAlertAsks) {
  const auto rate = [&] {
    double last = -1;
    std::string newest;
    for (const StoredWindow& window : MUST(monitor_->windows("m", {.variant = "live"}))) {
      const std::string start = types::to_rfc3339(window.window.start);
      if (window.result.rows == 0 || start < newest) continue;
      newest = start;
      last = window.result.metrics.at("duplicate_rate");
    }
    return last;
  };
  limits_ = {.slice_rows = 0, .duplicate_rows = 400};
  judge_days();
  EXPECT_NEAR(rate(), 390.0 / 400, 1e-12);  // x has ten values
  limits_.duplicate_rows = 399;
  open();
  traffic("2013-06-07T00:00:00Z", 400, 200, base::Duration::hours(1));
  walk_to("2013-06-09T12:00:00Z");
  EXPECT_TRUE(std::isnan(rate()));
  MUST(monitor_->apply(
      MUST(parse_monitors(
          "monitors:\n  m:\n    endpoint: e\n    windows: [day]\n    alerts: {twice: "
          "{metric: duplicate_rate, window: day, over: 0.99}}\n")),
      "test"));
  traffic("2013-06-10T00:00:00Z", 400, 200, base::Duration::hours(1));
  walk_to("2013-06-12T12:00:00Z");
  EXPECT_NEAR(rate(), 390.0 / 400, 1e-12);
}

TEST(DuplicateRate, RowsThatAreThereTwiceAreThoseWithEqualInputs) {
  const auto row = [](const char* id, double x, const char* carrier) {
    return LoggedRequest{.id = id, .event_time = at(kDay), .x = x, .carrier = carrier};
  };
  const auto rate = [](std::vector<LoggedRequest> log) {
    testing::FakeRequests requests;
    requests.log = std::move(log);
    return MUST(duplicate_rate(requests, "e", {at(kDay), at(kDay) + base::Duration::days(1)}));
  };
  EXPECT_EQ(rate({row("a", 1, "UA"), row("b", 2, "UA"), row("c", 1, "DL")}), 0);
  EXPECT_EQ(rate({row("a", 1, "UA"), row("b", 1, "UA"), row("c", 1, "UA"), row("d", 1, "DL")}),
            0.5);
  EXPECT_EQ(rate({row("a", std::nan(""), "UA"), row("b", std::nan(""), "UA")}), 0.5);
  EXPECT_EQ(rate({row("a", 0.0, ""), row("b", -0.0, "")}), 0.5);
  // A retry of a request is no second row, in whichever part of the log it is.
  std::vector<LoggedRequest> log;
  for (int i = 0; i < 150; ++i) log.push_back(row(fmt::format("{}", i % 120).c_str(), i % 120, ""));
  EXPECT_EQ(rate(log), 0);
}

}  // namespace
}  // namespace slipway::monitor
