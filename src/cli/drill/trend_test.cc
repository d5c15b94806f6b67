#include "cli/drill/trend.h"

#include <gtest/gtest.h>

#include "cli/drill/report.h"

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

TEST(DrillTrend, SaysWhatGotBetterAndWorse) {
  const auto verdict = [](const char* name, bool caught, int days) {
    Verdict made{.fault = name, .group = FaultGroup::kInput, .caught = caught};
    if (caught) made.delay = Duration::days(days);
    return made;
  };
  DrillReport then{.endpoint = "sale"}, now{.endpoint = "sale"};
  then.controls.resize(1);
  then.faults = {verdict("a", false, 0), verdict("b", true, 1),    verdict("c", true, 2),
                 verdict("d", true, 1),  verdict("same", true, 1), verdict("gone", true, 1)};
  now.controls.resize(1);
  now.controls[0].alerts = {"wolf"};
  now.faults = {verdict("a", true, 3), verdict("b", false, 0),   verdict("c", true, 1),
                verdict("d", true, 2), verdict("same", true, 1), verdict("new", true, 1)};
  const EarlierDrill earlier = MUST(EarlierDrill::read(base::to_text(then.to_json()), "sale"));
  const Trend trend = compare(now, earlier);
  EXPECT_EQ(trend.grade_was, "B");
  EXPECT_EQ(trend.better, (std::vector<std::string>{"a: was missed, is noticed after 3d",
                                                    "c: was noticed after 2d, is after 1d"}));
  EXPECT_EQ(trend.worse, (std::vector<std::string>{"b: was noticed after 1d, is missed",
                                                   "d: was noticed after 1d, is after 2d",
                                                   "false pages: were 0, are 1"}));
  EXPECT_EQ(trend.not_compared, (std::vector<std::string>{"new", "gone"}));
  const std::string text = show_drill(now, trend);
  EXPECT_NE(text.find("Worse: b: was noticed"), std::string::npos) << text;
}

TEST(DrillTrend, OnlyADrillOfTheEndpointIsCompared) {
  const std::string good = base::to_text(DrillReport{.endpoint = "sale"}.to_json());
  EXPECT_TRUE(EarlierDrill::read(good, "sale"));
  EXPECT_EQ(EarlierDrill::read(good, "other").error().code, Code::kInvalidArgument);
  for (const char* bad : {"", "[]", "{}", "<!doctype html>",
                          R"({"endpoint": "sale", "faults": [1], "grade": "A", "false_pages": 0})"})
    EXPECT_EQ(EarlierDrill::read(bad, "sale").error().code, Code::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace slipway::cli
