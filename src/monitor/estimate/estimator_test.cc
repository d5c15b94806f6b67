// Estimates of performance without labels: the formulas by hand and against what labels say; how
// they agree with NannyML is asked in tests/system/test_estimates.py.
#include "monitor/estimate/estimator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

struct Drawn {
  std::vector<double> scores, chances, labels;
};

// A model whose scores are too sure of themselves.
Drawn draw(std::size_t rows, std::uint64_t seed) {
  base::SeededRandom random(seed);
  const auto uniform = [&] { return static_cast<double>(random.next_u64() >> 11) * 0x1p-53; };
  Drawn drawn;
  for (std::size_t i = 0; i < rows; ++i) {
    const double chance = uniform();
    drawn.chances.push_back(chance);
    const double odds = chance / (1 - chance);
    drawn.scores.push_back(odds * odds / (1 + odds * odds));
    drawn.labels.push_back(uniform() < chance ? 1 : 0);
  }
  return drawn;
}

std::vector<std::pair<double, double>> pairs(const Drawn& drawn) {
  std::vector<std::pair<double, double>> all;
  for (std::size_t i = 0; i < drawn.scores.size(); ++i)
    all.emplace_back(drawn.scores[i], drawn.labels[i]);
  return all;
}

TEST(IsotonicCalibration, PoolsWhatFallsAndDrawsLinesBetween) {
  const std::vector<double> scores = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, labels = {0, 1, 0, 0, 1, 1};
  // As scikit-learn says: 0 at 0.1, 1/3 from 0.2 to 0.4, 1 from 0.5 on.
  const auto fitted = IsotonicCalibration::fit(scores, labels);
  const std::vector<std::pair<double, double>> cases = {
      {0.0, 0},       {0.1, 0},        {0.15, 1.0 / 6}, {0.2, 1.0 / 3}, {0.3, 1.0 / 3},
      {0.4, 1.0 / 3}, {0.45, 2.0 / 3}, {0.5, 1},        {0.9, 1}};
  for (const auto& [score, chance] : cases) EXPECT_NEAR(fitted.chance(score), chance, 1e-15);
  EXPECT_EQ(IsotonicCalibration().chance(0.3), 0.3) << "without a fit a score is a chance";
}

TEST(IsotonicCalibration, RowsOfOneScoreAreOneKnot) {
  const std::vector<double> scores = {0.5, 0.5, 0.5, 0.5}, labels = {0, 1, 1, 1};
  const auto fitted = IsotonicCalibration::fit(scores, labels);
  EXPECT_EQ(fitted.chance(0.1), 0.75);
  EXPECT_EQ(fitted.chance(0.5), 0.75);
  EXPECT_EQ(fitted.scores().size(), 1u);
}

TEST(CalibrationHelps, OnlyWhereScoresAreOff) {
  const Drawn drawn = draw(4000, 1);
  EXPECT_TRUE(calibration_helps(drawn.scores, drawn.labels));
  EXPECT_FALSE(calibration_helps(drawn.labels, drawn.labels)) << "perfect";
  EXPECT_FALSE(calibration_helps(std::vector<double>(50, 0.5), std::vector<double>(50, 1)));
  EXPECT_FALSE(calibration_helps({}, {}));
}

TEST(ExpectedPerformance, ByHand) {
  const std::vector<double> scores = {0.9, 0.6, 0.4, 0.1}, chances = {0.8, 0.5, 0.5, 0.2};
  auto expected = expected_performance(scores, chances, 0.5);
  EXPECT_DOUBLE_EQ(expected["accuracy"], (0.8 + 0.5 + 0.5 + 0.8) / 4);
  EXPECT_DOUBLE_EQ(expected["precision"], 1.3 / 2);
  EXPECT_DOUBLE_EQ(expected["recall"], 1.3 / 2);
  EXPECT_DOUBLE_EQ(expected["specificity"], 1.3 / 2);
  EXPECT_DOUBLE_EQ(expected["f1"], 1.3 / (1.3 + 0.7));
  EXPECT_DOUBLE_EQ(expected["late_rate"], 0.5);
  // Trapezoids of fpr steps 0.2, 0.5, 0.5, 0.8 below tpr 0.8, 1.3, 1.8, 2.
  EXPECT_NEAR(expected["auc"], (0.2 * 0.4 + 0.5 * 1.05 + 0.5 * 1.55 + 0.8 * 1.9) / 4, 1e-15);
  for (const auto& [name, value] : expected_performance({}, {}, 0.5)) {
    EXPECT_TRUE(std::isnan(value)) << name;
  }
  EXPECT_EQ(expected_performance(scores, chances, 1)["precision"], 0) << "nothing says 1";
}

TEST(ExpectedPerformance, OfLabelsIsWhatCameOut) {
  Drawn drawn = draw(1000, 2);
  for (double& score : drawn.scores) score = std::round(score * 20) / 20;  // with ties
  auto out = expected_performance(drawn.scores, drawn.labels, 0.5);
  const auto measured = types::measure_performance(drawn.scores, drawn.labels);
  EXPECT_NEAR(out["auc"], measured.auc, 1e-12);
  EXPECT_NEAR(out["log_loss"], measured.log_loss, 1e-12);
  EXPECT_NEAR(out["brier"], measured.brier, 1e-12);
  EXPECT_NEAR(out["late_rate"], measured.label_mean, 1e-12);
}

TEST(Estimator, FindsWhatLabelsWillSay) {
  const EstimateRules rules{.rows = 5000};
  Estimators estimators;
  estimators[3].collect(pairs(draw(3000, 3)), rules);
  EXPECT_FALSE(estimators[3].is_ready());
  const Drawn later = draw(20'000, 5);
  std::vector<VersionedScore> scores;
  for (const double score : later.scores) scores.push_back({3, score});
  EXPECT_TRUE(estimate_performance(estimators, scores, rules).values.empty());
  estimators[3].collect(pairs(draw(3000, 4)), rules);
  ASSERT_TRUE(estimators[3].is_ready());
  EXPECT_TRUE(estimators[3].is_calibrated());

  const Estimates estimates = estimate_performance(estimators, scores, rules);
  EXPECT_EQ(estimates.rows, 20'000);
  const auto realised = expected_performance(later.scores, later.labels, 0.5);
  for (const std::string& name : estimated_names()) {
    const Estimate& estimate = estimates.values.at(name);
    EXPECT_NEAR(estimate.value, realised.at(name), 0.02) << name;
    if (name == "average_precision") continue;
    EXPECT_LT(std::abs(estimate.value - realised.at(name)), 6 * estimate.sampling_error) << name;
    EXPECT_LT(estimate.sampling_error, 0.02) << name;
  }
  // A version nobody has labels of is left out.
  scores.push_back({4, 0.5});
  EXPECT_EQ(estimate_performance(estimators, scores, rules).rows, 20'000);
}

TEST(Estimator, ComesBackAsItWas) {
  const EstimateRules rules{.rows = 500};
  Estimator half, whole;
  half.collect(pairs(draw(400, 6)), rules);
  Estimator restored = MUST(Estimator::from_text(half.to_text()));
  whole = half;
  restored.collect(pairs(draw(400, 7)), rules);
  whole.collect(pairs(draw(400, 7)), rules);
  restored = MUST(Estimator::from_text(restored.to_text()));
  EXPECT_EQ(restored.to_text(), whole.to_text());
  for (double score = 0; score <= 1; score += 0.01)
    EXPECT_EQ(restored.chance(score), whole.chance(score));
  for (const char* text : {"", "[]", "{}", R"({"ready": true, "knots": [1], "chances": []})",
                           R"({"ready": false, "scores": [1], "labels": ["x"]})"}) {
    EXPECT_FALSE(Estimator::from_text(text)) << text;
  }
}

}  // namespace
}  // namespace slipway::monitor
