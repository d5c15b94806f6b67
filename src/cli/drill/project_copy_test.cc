#include "cli/drill/project_copy.h"

#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

using base::Duration;
using base::Timestamp;

const Timestamp kStart{1704672000LL * 1'000'000};  // 2024-01-08T00:00:00Z

constexpr std::string_view kYaml = R"(
project: shop
datasets: {visits: {path: visits.parquet}}
features:
  views: {recent: {source: ended, windows: [7d, 6h, 24h]}, clock: {columns: {hour: h}}}
pipelines:
  train: {params: {bad: 0}, schedule: daily, notify: {failed: oncall}, steps: [{name: a, run: rm -rf /}]}
endpoints:
  sale: {model: "models:/sale@champion", features: sale, shadow: {old: "models:/sale/1"}, release: {delay: 1h}}
  other: {model: "models:/other/1"}
monitors:
  sale-health: {endpoint: sale, alerts: {bad: {metric: auc, route: oncall}}, detectors: {d: {method: adwin, of: prediction, route: oncall}}}
  other-health: {endpoint: other}
alarm_budget: {route: oncall}
streams: {s: {}}
routes: {oncall: {slack: "https://example.org"}}
)";

Result<std::string> no_model(const std::string& uri) {
  return base::error(Code::kNotFound, "no such model: {}", uri);
}

TEST(DrillProject, TheCopyRunsNothingAndReleasesNothing) {
  const ProjectCopy copy = MUST(copy_project(kYaml, "sale", "/models/live", kStart, no_model));
  EXPECT_EQ(copy.datasets, std::vector<std::string>{"visits"});
  EXPECT_EQ(copy.monitors, std::vector<std::string>{"sale-health"});
  EXPECT_EQ(copy.service, "sale");
  ASSERT_EQ(copy.views.size(), 1u);
  EXPECT_EQ(copy.views[0].feature, "recent__");
  EXPECT_EQ(copy.views[0].window, Duration::hours(6));
  EXPECT_NE(copy.whole.find("clock: rehearsal"), std::string::npos);
  EXPECT_NE(copy.whole.find("model: /models/live"), std::string::npos);
  for (const char* gone : {"rm -rf", "shadow", "release", "streams", "other", "schedule", "oncall"})
    EXPECT_EQ(copy.whole.find(gone), std::string::npos) << gone;
  EXPECT_EQ(copy.data_only.find("endpoints"), std::string::npos);
  EXPECT_FALSE(copy.retraining);
}

TEST(DrillProject, WhatAnAlertStartsMayHangOrTakeAWhile) {
  const auto copied = [](std::string_view step) {
    return MUST(copy_project(fmt::format(R"(
endpoints: {{sale: {{model: "models:/sale@champion"}}}}
pools: {{gpu: 1}}
pipelines:
  train: {{steps: [{{name: ask, approve: "really?"}}, {}]}}
monitors:
  sale-health: {{endpoint: sale, actions: {{page: {{do: incident}}, again: {{pipeline: train}}}}}}
)",
                                         step),
                             "sale", "/m", kStart, no_model));
  };
  const ProjectCopy bare = copied("{name: fit, run: python3 fit.py}");
  ASSERT_TRUE(bare.retraining);
  EXPECT_EQ(bare.retraining->pipeline, "train");
  EXPECT_EQ(bare.retraining->step, "fit");
  EXPECT_FALSE(bare.retraining->timeout);
  EXPECT_NE(bare.stuck.find("run: sleep 3600"), std::string::npos);
  EXPECT_EQ(bare.stuck.find("timeout"), std::string::npos);  // it never ends
  EXPECT_NE(bare.slow.find("run: sleep 2"), std::string::npos);
  const ProjectCopy limited = copied("{name: fit, run: a, timeout: 3h, pool: gpu, slots: 1}");
  EXPECT_EQ(limited.retraining->timeout, Duration::hours(3));
  EXPECT_NE(limited.stuck.find("timeout: 1s"), std::string::npos);
  EXPECT_NE(limited.slow.find("pool: gpu"), std::string::npos);
  EXPECT_EQ(limited.whole.find("sleep"), std::string::npos);
}

TEST(DrillProject, AFallbackIsBroughtAlong) {
  constexpr std::string_view kFalling = R"(
endpoints: {sale: {model: "models:/sale@champion"}}
monitors:
  sale-health: {endpoint: sale, actions: {spare: {do: fallback, model: "models:/plain/3"}}}
)";
  std::string asked;
  const ProjectCopy copy = MUST(copy_project(kFalling, "sale", "/m", kStart,
                                             [&](const std::string& uri) -> Result<std::string> {
                                               asked = uri;
                                               return std::string("/models/spare");
                                             }));
  EXPECT_EQ(asked, "models:/plain/3");
  EXPECT_TRUE(copy.has_remedy);
  EXPECT_NE(copy.whole.find("model: /models/spare"), std::string::npos) << copy.whole;
  EXPECT_EQ(copy_project(kFalling, "sale", "/m", kStart, no_model).error().code, Code::kNotFound);
  EXPECT_FALSE(MUST(copy_project(kYaml, "sale", "/m", kStart, no_model)).has_remedy);
}

TEST(DrillProject, WhatIsMissingIsSaid) {
  EXPECT_EQ(copy_project(kYaml, "nobody", "/m", kStart, no_model).error().code, Code::kNotFound);
  EXPECT_EQ(
      copy_project("endpoints: {sale: {model: m}}", "sale", "/m", kStart, no_model).error().code,
      Code::kNotFound);
  EXPECT_EQ(copy_project("a: [", "sale", "/m", kStart, no_model).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(copy_project("just words", "sale", "/m", kStart, no_model).error().code,
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::cli
