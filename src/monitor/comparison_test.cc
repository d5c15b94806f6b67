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
                    const std::string& b, const Labels& labels, Measure measure,
                    const QualityRules& rules = {}) {
  const types::Frame frame = to_frame(requests);
  return MUST(compare(MUST(WindowRows::of(frame)), a, b, labels, rules, measure, kAlpha));
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

// A newcomer that nobody had bought from yet had no spread, and was called another than the rest.
TEST(Comparison, ASmallSideWithoutAHitIsNoDifference) {
  std::vector<std::string> ids;
  for (int i = 0; i < 1100; ++i) ids.push_back("r" + std::to_string(i));
  std::vector<LoggedRequest> requests;
  Labels labels;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    requests.push_back(
        {.id = ids[i], .prediction = 0.5, .variant = i < 1000 ? "live" : "challenger"});
    labels[ids[i]] = i < 25 ? 1.0 : 0.0;
  }
  const Comparison comparison = compared(requests, "live", "challenger", labels, Measure::kLabel);
  EXPECT_EQ(comparison.b.rows, 100);
  EXPECT_NEAR(comparison.difference, -0.025, 1e-12);
  EXPECT_TRUE(comparison.interval.contains(0)) << comparison.interval.high;
  EXPECT_TRUE(comparison.interval.contains(-0.025));
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
  EXPECT_EQ(compare(rows, "live", "live", {}, {}, Measure::kBrier, kAlpha).error().code,
            Code::kInvalidArgument);
  const Comparison alone = MUST(compare(rows, "live", "nobody", {}, {}, Measure::kBrier, kAlpha));
  EXPECT_EQ(alone.b.requests, 0);
  EXPECT_TRUE(std::isnan(alone.difference));
  EXPECT_NE(parse_measure("fame").error().message.find("log_loss"), std::string::npos);
  for (const char* name : {"log_loss", "brier", "absolute_error", "accuracy", "label", "prediction",
                           "error_rate", "latency_ms"}) {
    EXPECT_EQ(measure_name(MUST(parse_measure(name))), name);
  }
}

const QualityRules kAnimals{
    .problem = {.kind = Problem::kMulticlass, .classes = {"cat", "cow", "dog"}}};

// Answers that are lists of chances were no numbers, so nothing was compared.
TEST(Comparison, ClassesAreComparedByTheirChances) {
  const auto shadow = [](const char* id, const char* answer) {
    return LoggedRequest{
        .id = id, .prediction = NAN, .variant = "new", .role = "shadow", .answer = answer};
  };
  const std::vector<LoggedRequest> requests = {
      {.id = "a", .prediction = NAN, .answer = "[0.5,0.25,0.25]"},
      {.id = "b", .prediction = NAN, .answer = "[0.25,0.5,0.25]"},
      {.id = "c", .prediction = NAN, .answer = "[0.25,0.5,0.25]"},
      shadow("a", "[0.25,0.5,0.25]"),
      shadow("b", "[0.25,0.5,0.25]"),
      shadow("c", "[0,0,1]")};
  Labels labels;
  labels["a"].class_name = "cat";
  labels["b"].value = 2;
  const Comparison loss = compared(requests, "live", "new", labels, Measure::kLogLoss, kAnimals);
  EXPECT_TRUE(loss.paired);
  EXPECT_EQ(loss.a.rows, 2);
  EXPECT_NEAR(loss.a.value, (std::log(2) + std::log(4)) / 2, 1e-12);
  EXPECT_NEAR(loss.difference, std::log(2) / 2, 1e-12);
  ASSERT_TRUE(loss.answers);
  EXPECT_EQ(loss.answers->pairs, 3);
  EXPECT_EQ(loss.answers->other_class, 2);
  EXPECT_FALSE(loss.answers->other_side);
  ASSERT_EQ(loss.answers->differing.size(), 2u);
  EXPECT_EQ(loss.answers->differing[1].request_id, "c");
  EXPECT_EQ(loss.answers->differing[1].a, "cow");
  EXPECT_EQ(loss.answers->differing[1].b, "dog");
  const Comparison right = compared(requests, "live", "new", labels, Measure::kAccuracy, kAnimals);
  EXPECT_EQ(right.a.value, 0.5);
  EXPECT_EQ(right.b.value, 0);
  EXPECT_NEAR(compared(requests, "live", "new", labels, Measure::kBrier, kAnimals).a.value,
              (0.25 + 2 * 0.0625 + 0.5625 + 0.25 + 0.0625) / 2, 1e-12);
  const std::vector<LoggedRequest> names = {{.id = "a", .prediction = NAN, .answer = R"("cat")"},
                                            shadow("a", R"("cow")")};
  const Comparison bare = compared(names, "live", "new", labels, Measure::kLogLoss, kAnimals);
  EXPECT_EQ(bare.a.rows, 0);
  EXPECT_EQ(bare.note,
            "log_loss needs the chance of each class, and no labelled answer has them: accuracy "
            "doesn't");
  EXPECT_EQ(compared(names, "live", "new", labels, Measure::kAccuracy, kAnimals).difference, -1);
}

TEST(Measure, SaysSomethingOfTheProblem) {
  struct Case {
    Problem problem;
    const char* best;
    const char* refused;
    const char* known;
  };
  const Case cases[] = {
      {Problem::kBinary, "log_loss", "fame",
       "log_loss, absolute_error, brier, accuracy, prediction, label, error_rate, latency_ms"},
      {Problem::kRegression, "absolute_error", "log_loss",
       "absolute_error, brier, prediction, label, error_rate, latency_ms"},
      {Problem::kMulticlass, "log_loss", "absolute_error",
       "log_loss, brier, accuracy, error_rate, latency_ms"},
      {Problem::kRanking, "prediction", "log_loss", "prediction, label, error_rate, latency_ms"},
  };
  for (const Case& one : cases) {
    const std::string_view name = problem_name(one.problem);
    EXPECT_EQ(measure_name(default_measure(one.problem)), one.best) << name;
    EXPECT_TRUE(measure_of(one.problem, one.best)) << name;
    const auto refused = measure_of(one.problem, one.refused);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_TRUE(refused.error().message.ends_with(std::string("there are ") + one.known))
        << refused.error().message;
  }
}

}  // namespace
}  // namespace slipway::monitor
