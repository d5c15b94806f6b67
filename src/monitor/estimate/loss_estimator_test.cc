// How wrong a regression is before labels come; how that agrees with NannyML is asked in
// tests/system/test_estimates.py.
#include "monitor/estimate/loss_estimator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace slipway::monitor {
namespace {

// Errors are four times as large in the south, and grow with `x`.
PredictedRows draw(std::size_t count, std::uint64_t seed, double south) {
  base::SeededRandom random(seed);
  const auto uniform = [&] { return static_cast<double>(random.next_u64() >> 11) * 0x1p-53; };
  PredictedRows rows;
  rows.inputs = {{.name = "x"}, {.name = "where", .is_text = true}};
  for (std::size_t i = 0; i < count; ++i) {
    const double x = 10 * uniform();
    const bool is_south = uniform() < south;
    rows.inputs[0].numbers.push_back(i % 50 == 0 ? std::nan("") : x);
    rows.inputs[1].texts.push_back(is_south ? "south" : i % 3 == 0 ? "" : "north");
    rows.predictions.push_back(100 + x);
    const double noise = 2 * uniform() - 1;
    rows.labels.push_back(100 + x + noise * (is_south ? 8 : 2) * (0.5 + x / 10));
  }
  return rows;
}

double mae(const PredictedRows& rows) {
  double sum = 0;
  for (std::size_t i = 0; i < rows.labels.size(); ++i)
    sum += std::abs(rows.predictions[i] - rows.labels[i]);
  return sum / static_cast<double>(rows.labels.size());
}

std::shared_ptr<const LossEstimator> learned(const PredictedRows& rows) {
  auto estimator = std::make_shared<LossEstimator>();
  estimator->collect(rows, {.rows = std::ssize(rows.predictions)});
  return estimator;
}

TEST(LossEstimator, TellsTheErrorsOfOtherRows) {
  const LossEstimators estimators = {{1, learned(draw(4000, 1, 0.3))}};
  for (const double south : {0.0, 0.3, 0.9}) {
    const PredictedRows later = draw(2000, 2, south);
    const Estimates estimates = estimate_losses(estimators, {{1, later}});
    EXPECT_EQ(estimates.rows, 2000);
    const Estimate& estimate = estimates.values.at("mae");
    EXPECT_NEAR(estimate.value, mae(later), 4 * estimate.sampling_error) << south;
    for (const std::string& name : estimated_loss_names())
      EXPECT_GT(estimates.values.at(name).value, 0) << name;
    EXPECT_DOUBLE_EQ(estimates.values.at("rmse").value,
                     std::sqrt(estimates.values.at("mse").value));
  }
}

TEST(LossEstimator, WaitsUntilThereAreEnoughRows) {
  LossEstimator estimator;
  const EstimateRules rules{.rows = 300};
  estimator.collect(draw(200, 1, 0.5), rules);
  EXPECT_FALSE(estimator.is_ready());
  estimator.collect(draw(200, 2, 0.5), rules);
  EXPECT_TRUE(estimator.is_ready());
  const LossEstimators none = {{1, nullptr}, {2, std::make_shared<LossEstimator>()}};
  const PredictedRows rows = draw(10, 3, 0.5);
  EXPECT_TRUE(estimate_losses(none, {{1, rows}, {2, rows}, {3, rows}}).values.empty());
}

TEST(LossEstimator, InputsThatAreGoneOrNewAreNoTrouble) {
  const LossEstimators estimators = {{1, learned(draw(1000, 1, 0.5))}};
  PredictedRows later = draw(100, 2, 0.5);
  later.inputs.erase(later.inputs.begin());
  later.inputs[0].texts.assign(100, "west");
  later.inputs.push_back({.name = "new", .numbers = std::vector<double>(100, 1)});
  EXPECT_GT(estimate_losses(estimators, {{1, later}}).values.at("mae").value, 0);
}

TEST(LossEstimator, LogarithmsOfWhatHasNoneAreNotKnown) {
  PredictedRows rows = draw(500, 1, 0.5);
  rows.labels[3] = -2;
  const Estimates estimates = estimate_losses({{1, learned(rows)}}, {{1, draw(50, 2, 0.5)}});
  EXPECT_TRUE(std::isnan(estimates.values.at("rmsle").value));
  EXPECT_GT(estimates.values.at("rmse").value, 0);
  // Squares beyond all numbers are not known either; what is beside them is.
  rows = draw(500, 1, 0.5);
  rows.labels[3] = 1e300;
  const Estimates huge = estimate_losses({{1, learned(rows)}}, {{1, draw(50, 2, 0.5)}});
  EXPECT_TRUE(std::isnan(huge.values.at("mse").value));
  EXPECT_GT(huge.values.at("mape").value, 0);
  EXPECT_LT(huge.values.at("mape").value, 1);
}

TEST(LossEstimator, ComesBackAsItWas) {
  const EstimateRules rules{.rows = 500};
  LossEstimator half, whole;
  half.collect(draw(400, 6, 0.5), rules);
  LossEstimator restored = MUST(LossEstimator::from_text(half.to_text()));
  whole = half;
  restored.collect(draw(400, 7, 0.5), rules);
  whole.collect(draw(400, 7, 0.5), rules);
  restored = MUST(LossEstimator::from_text(restored.to_text()));
  ASSERT_TRUE(restored.is_ready());
  EXPECT_EQ(restored.to_text(), whole.to_text());
  const PredictedRows later = draw(300, 8, 0.5);
  EXPECT_EQ(restored.sum_losses(later), whole.sum_losses(later));
  for (const char* text :
       {"", "[]", "{}", R"({"ready": true, "inputs": [], "predictions": [], "labels": []})",
        R"({"inputs": [{"name": "x", "numbers": [1]}], "predictions": [], "labels": []})",
        R"({"inputs": [{"name": "x", "texts": [1]}], "predictions": [1], "labels": [1]})",
        R"({"inputs": [], "predictions": [1], "labels": []})"}) {
    EXPECT_FALSE(LossEstimator::from_text(text)) << text;
  }
}

}  // namespace
}  // namespace slipway::monitor
