// Which trials are stopped early.
#include "pipelines/search/asha.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::pipelines {
namespace {

TEST(Asha, RungsAreBelowMax) {
  struct Case {
    StopEarly stop;
    std::vector<std::int64_t> steps;
  };
  const Case cases[] = {{{.min = 1, .max = 27, .reduction = 3, .metric = {}}, {1, 3, 9}},
                        {{.min = 1, .max = 28, .reduction = 3, .metric = {}}, {1, 3, 9, 27}},
                        {{.min = 5, .max = 6, .reduction = 2, .metric = {}}, {5}},
                        {{.min = 2, .max = 17, .reduction = 4, .metric = {}}, {2, 8}}};
  for (const Case& c : cases) EXPECT_EQ(rungs(c.stop), c.steps);
}

TEST(Asha, TheBestOfSoManyGoOn) {
  struct Case {
    const char* name;
    bool maximizes;
    std::vector<double> values;
    double own;
    bool goes_on;
  };
  const Case cases[] = {
      {"alone", true, {0.5}, 0.5, true},
      {"the second, and better", true, {0.5, 0.6}, 0.6, true},
      {"the second, and worse", true, {0.5, 0.4}, 0.4, false},
      {"the second, to be minimized", false, {0.5, 0.4}, 0.4, true},
      {"as good as the best", true, {0.5, 0.5}, 0.5, true},
      {"one place of three", true, {0.5, 0.6, 0.55}, 0.55, false},
      {"two places of six", true, {0.1, 0.2, 0.3, 0.4, 0.6, 0.5}, 0.5, true},
      {"third of six", true, {0.1, 0.2, 0.3, 0.6, 0.5, 0.4}, 0.4, false},
      {"no number", true, {NAN}, NAN, false},
      {"infinite", false, {-HUGE_VAL}, -HUGE_VAL, false},
      {"others that are no number", true, {NAN, 0.1}, 0.1, true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(
        goes_on({.min = 1, .max = 9, .reduction = 3, .metric = {}}, c.maximizes, c.values, c.own),
        c.goes_on)
        << c.name;
}

TEST(Asha, ATrialLeavesItsFirstReportFromARungOn) {
  const std::vector<Report> reports = {{0, 0.1}, {2, 0.2}, {5, 0.3}, {5, 0.4}};
  EXPECT_EQ(*report_at(reports, 1), (Report{2, 0.2}));
  EXPECT_EQ(*report_at(reports, 2), (Report{2, 0.2}));
  EXPECT_EQ(*report_at(reports, 3), (Report{5, 0.3}));
  EXPECT_EQ(report_at(reports, 6), nullptr);
  EXPECT_EQ(report_at({}, 1), nullptr);
}

TEST(Asha, MistakesAreTold) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "line 1"},
      {"{max: 9}", "key=method"},
      {"{method: median, max: 9}", "one method, asha: got=median"},
      {"{method: asha}", "key=max"},
      {"{method: asha, min: 9, max: 9}", "max must be more than min"},
      {"{method: asha, min: 0, max: 9}", "from 1 to"},
      {"{method: asha, max: 9, reduction: 1}", "from 2 to 1000"},
      {"{method: asha, max: 9, metric: ''}", "metric is empty"},
      {"{method: asha, max: 9, resource: epoch}", "no such key: key=resource"},
  };
  for (const auto& [text, says] : cases) {
    const auto read = read_stop_early(MUST(types::YamlNode::parse(text)));
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
  }
  const StopEarly stop = MUST(read_stop_early(MUST(
      types::YamlNode::parse("{method: asha, min: 1, max: 27, reduction: 3, metric: val_loss}"))));
  EXPECT_EQ(stop, (StopEarly{.min = 1, .max = 27, .reduction = 3, .metric = "val_loss"}));
}

}  // namespace
}  // namespace slipway::pipelines
