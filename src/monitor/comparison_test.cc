#include "monitor/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "monitor/testing/fakes.h"

namespace slipway::monitor {
namespace {

using testing::LoggedRequest;
using testing::to_frame;

constexpr double kAlpha = 0.05;

Comparison compared(const std::vector<LoggedRequest>& requests, const std::string& a,
                    const std::string& b, const Labels& labels, Measure measure) {
  const types::Frame frame = to_frame(requests);
  return MUST(compare(MUST(WindowRows::of(frame)), a, b, labels, measure, kAlpha));
}

TEST(Comparison, AShadowIsComparedRequestByRequest) {
  const Comparison comparison =
      compared({{.id = "a", .prediction = 0.2},
                {.id = "b", .prediction = 0.9},
                {.id = "c", .prediction = 0.6},
                {.id = "a", .prediction = 0.4, .variant = "new", .role = "shadow"},
                {.id = "b", .prediction = 0.9, .variant = "new", .role = "shadow"},
                {.id = "c", .prediction = 0.1, .variant = "new", .role = "shadow"},
                {.id = "d", .prediction = 0.1, .variant = "new", .role = "shadow"}},
               "live", "new", {{"a", 0.0}, {"b", 1.0}}, Measure::kBrier);
  EXPECT_TRUE(comparison.paired);
  EXPECT_EQ(comparison.a.rows, 2);  // c has no label, d no partner
  EXPECT_EQ(comparison.b.requests, 4);
  EXPECT_NEAR(comparison.a.value, (0.04 + 0.01) / 2, 1e-7);
  EXPECT_NEAR(comparison.difference, (0.16 - 0.04) / 2, 1e-7);
  ASSERT_TRUE(comparison.answers);
  EXPECT_EQ(comparison.answers->pairs, 3);
  EXPECT_EQ(comparison.answers->other_side, 1);
  EXPECT_NEAR(comparison.answers->mean_absolute, 0.7 / 3, 1e-7);
  EXPECT_EQ(comparison.answers->furthest.front().request_id, "c");
  EXPECT_EQ(comparison.answers->furthest.back().request_id, "b");
}

TEST(Comparison, VariantsThatShareTheTrafficAreComparedByTheirMeans) {
  std::vector<LoggedRequest> requests;
  Labels labels;
  std::mt19937 random(3);
  std::bernoulli_distribution converts[] = {std::bernoulli_distribution(0.1),
                                            std::bernoulli_distribution(0.2)};
  std::vector<std::string> ids;
  for (int i = 0; i < 8000; ++i) ids.push_back("r" + std::to_string(i));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    requests.push_back({.id = ids[i],
                        .prediction = 0.5,
                        .variant = i % 2 == 0 ? "live" : "challenger",
                        .model_version = i % 2 == 0 ? 1 : 2});
    labels[ids[i]] = converts[i % 2](random) ? 1.0 : 0.0;
  }
  const Comparison better = compared(requests, "live", "challenger", labels, Measure::kLabel);
  EXPECT_FALSE(better.paired);
  EXPECT_FALSE(better.answers);
  EXPECT_EQ(better.b.model_version, 2);
  EXPECT_NEAR(better.difference, 0.1, 0.02);
  EXPECT_GT(better.interval.low, 0);
  const Comparison same = compared(requests, "live", "challenger", labels, Measure::kPrediction);
  EXPECT_EQ(same.difference, 0);
  EXPECT_TRUE(same.interval.contains(0));
}

TEST(Comparison, FailuresCountAsErrorsAndNotAsAnswers) {
  const std::vector<LoggedRequest> requests = {
      {.id = "a", .prediction = 0.2},
      {.id = "b", .prediction = std::nan(""), .error = "killed"},
      {.id = "c", .prediction = 0.5, .variant = "canary"}};
  const Comparison errors = compared(requests, "live", "canary", {}, Measure::kErrorRate);
  EXPECT_DOUBLE_EQ(errors.a.value, 0.5);
  EXPECT_DOUBLE_EQ(errors.b.value, 0);
  EXPECT_TRUE(std::isnan(errors.interval.low)) << "one request has no spread";
  EXPECT_EQ(compared(requests, "live", "canary", {}, Measure::kPrediction).a.rows, 1);
}

TEST(Comparison, WhatCannotBeCompared) {
  const types::Frame frame = to_frame({{.id = "a", .prediction = 0.2}});
  const WindowRows rows = MUST(WindowRows::of(frame));
  EXPECT_EQ(compare(rows, "live", "live", {}, Measure::kBrier, kAlpha).error().code,
            Code::kInvalidArgument);
  const Comparison alone = MUST(compare(rows, "live", "nobody", {}, Measure::kBrier, kAlpha));
  EXPECT_EQ(alone.b.requests, 0);
  EXPECT_TRUE(std::isnan(alone.difference));
  EXPECT_NE(parse_measure("accuracy").error().message.find("log_loss"), std::string::npos);
  for (const char* name :
       {"log_loss", "brier", "absolute_error", "label", "prediction", "error_rate", "latency_ms"}) {
    EXPECT_EQ(measure_name(MUST(parse_measure(name))), name);
  }
}

}  // namespace
}  // namespace slipway::monitor
