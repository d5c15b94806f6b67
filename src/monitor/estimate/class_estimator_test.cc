// How well classes are told apart before labels come; how that agrees with NannyML is asked in
// tests/system/test_estimates.py.
#include "monitor/estimate/class_estimator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace slipway::monitor {
namespace {

// Three classes, told by scores that are too sure of themselves.
NamedClassRows draw(std::size_t count, std::uint64_t seed) {
  base::SeededRandom random(seed);
  const auto uniform = [&] { return static_cast<double>(random.next_u64() >> 11) * 0x1p-53; };
  NamedClassRows named{.classes = {"a", "b", "c"}, .rows = {.classes = 3}};
  for (std::size_t i = 0; i < count; ++i) {
    double chances[3], sum = 0, sure = 0;
    for (double& chance : chances) sum += chance = 0.05 + uniform() * uniform();
    const double luck = uniform() * sum;
    named.rows.labels.push_back(luck < chances[0] ? 0 : luck < chances[0] + chances[1] ? 1 : 2);
    for (const double chance : chances) sure += std::pow(chance, 3);
    for (const double chance : chances) named.rows.chances.push_back(std::pow(chance, 3) / sure);
    named.rows.said.push_back(
        static_cast<std::size_t>(std::max_element(chances, chances + 3) - chances));
  }
  return named;
}

ClassEstimator learned(std::size_t count) {
  ClassEstimator estimator;
  estimator.collect(draw(count, 1), {.rows = static_cast<std::int64_t>(count)});
  return estimator;
}

TEST(ClassEstimator, FindsWhatLabelsWillSay) {
  const ClassEstimators estimators = {{4, learned(6000)}};
  const NamedClassRows later = draw(4000, 2);
  NamedClassRows unlabelled = later;
  unlabelled.rows.labels.clear();
  const Estimates estimates = estimate_classes(estimators, {{4, unlabelled}});
  EXPECT_EQ(estimates.rows, 4000);
  EXPECT_TRUE(estimates.calibrated);
  const types::Measures realised = types::measure_classes(later.rows);
  for (const std::string& name : estimated_class_names()) {
    const Estimate& estimate = estimates.values.at(name);
    // The chances' own errors come on top of luck.
    EXPECT_NEAR(estimate.value, realised.at(name).value, 5 * estimate.sampling_error) << name;
    EXPECT_LT(estimate.sampling_error, 0.05) << name;
  }
  EXPECT_TRUE(estimate_classes(estimators, {{5, later}}).values.empty());
  NamedClassRows names = later;
  names.rows.chances.clear();
  EXPECT_TRUE(estimate_classes(estimators, {{4, names}}).values.empty()) << "no chances";
}

TEST(ClassEstimator, ClassesMayComeLaterAndInAnotherOrder) {
  const EstimateRules rules{.rows = 1000};
  NamedClassRows some = draw(600, 3), others = draw(600, 4);
  others.classes = {"c", "d", "a"};
  ClassEstimator estimator;
  estimator.collect(some, rules);
  EXPECT_FALSE(estimator.is_ready());
  ClassEstimator restored = MUST(ClassEstimator::from_text(estimator.to_text()));
  restored.collect(others, rules);
  ASSERT_TRUE(restored.is_ready());
  const double accuracy = restored.estimate(draw(100, 5)).at("accuracy").value;
  EXPECT_GT(accuracy, 0.1);
  EXPECT_LT(accuracy, 0.9);
  NamedClassRows strange = draw(100, 5);
  strange.classes = {"x", "y", "z"};
  EXPECT_EQ(restored.estimate(strange).at("accuracy").value, 0);
}

TEST(ClassEstimator, ComesBackAsItWas) {
  const ClassEstimator estimator = learned(2000);
  const ClassEstimator restored = MUST(ClassEstimator::from_text(estimator.to_text()));
  EXPECT_EQ(restored.to_text(), estimator.to_text());
  const NamedClassRows later = draw(500, 6);
  for (const auto& [name, estimate] : estimator.estimate(later)) {
    EXPECT_EQ(restored.estimate(later).at(name).value, estimate.value) << name;
    EXPECT_EQ(restored.estimate(later).at(name).sampling_error, estimate.sampling_error) << name;
  }
  for (const char* text :
       {"", "[]", "{}", R"({"ready": true, "classes": ["a"], "calibrations": [], "variances": {}})",
        R"({"classes": ["a"], "labels": [1], "said": [0], "chances": [1]})",
        R"({"classes": ["a"], "labels": [0], "said": [0], "chances": []})"}) {
    EXPECT_FALSE(ClassEstimator::from_text(text)) << text;
  }
}

}  // namespace
}  // namespace slipway::monitor
