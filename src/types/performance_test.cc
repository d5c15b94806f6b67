// Measures against scikit-learn's and scipy's, of rows that tests/monitor_clients/performance.py
// drew.
#include "types/performance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "base/json.h"
#include "base/random.h"
#include "types/class_performance.h"
#include "types/ranking_performance.h"
#include "types/regression_performance.h"

namespace slipway::types {
namespace {

JsonObject known(const char* what) {
  std::ifstream file(SLIPWAY_TYPES_TESTDATA "/scikit_learn.json");
  std::stringstream text;
  text << file.rdbuf();
  return MUST(base::parse_json_object(text.str())).at(what).as_object();
}

std::vector<double> numbers(const JsonObject& object, const char* name) {
  std::vector<double> values;
  for (const Json& value : object.at(name).as_array()) values.push_back(value.to_number<double>());
  return values;
}

std::vector<std::size_t> positions(const JsonObject& object, const char* name) {
  std::vector<std::size_t> values;
  for (const Json& value : object.at(name).as_array())
    values.push_back(value.to_number<std::size_t>());
  return values;
}

void expect_same(const Measures& ours, const JsonObject& expected) {
  for (const auto& [name, value] : expected) {
    const auto found = ours.find(std::string(name));
    ASSERT_NE(found, ours.end()) << name;
    const double wanted = value.to_number<double>();
    EXPECT_NEAR(found->second.value, wanted, 1e-12 * std::max(1.0, std::abs(wanted))) << name;
    EXPECT_LT(found->second.interval.low, found->second.value) << name;
    EXPECT_GT(found->second.interval.high, found->second.value) << name;
  }
}

TEST(Regression, AsScikitLearn) {
  const JsonObject of = known("regression");
  const Measures ours =
      measure_regression(numbers(of, "predictions"), numbers(of, "labels"), {50, 90, 99});
  expect_same(ours, of.at("expected").as_object());
  const std::vector<double> interval = numbers(of, "mae_interval");
  EXPECT_NEAR(ours.at("mae").interval.low, interval[0], 1e-9);
  EXPECT_NEAR(ours.at("mae").interval.high, interval[1], 1e-9);
}

TEST(Regression, Edges) {
  for (const auto& [name, measured] : measure_regression({}, {}, {50}))
    EXPECT_TRUE(std::isnan(measured.value)) << name;
  const std::vector<double> one = {3}, two = {1};
  Measures single = measure_regression(one, two, {50});
  EXPECT_EQ(single.at("mae").value, 2);
  EXPECT_EQ(single.at("mean_error").value, 2);
  EXPECT_TRUE(std::isnan(single.at("mae").interval.low));
  EXPECT_TRUE(std::isnan(single.at("r2").value));
  const std::vector<double> below = {-2, 1}, zero = {0, 1}, same = {1, 1};
  EXPECT_TRUE(std::isnan(measure_regression(below, zero, {}).at("rmsle").value));
  EXPECT_GT(measure_regression(below, zero, {}).at("mape").value, 1e15) << "a label of 0";
  EXPECT_EQ(measure_regression(same, same, {}).at("r2").value, 1);
  EXPECT_EQ(measure_regression(zero, same, {}).at("r2").value, 0) << "labels that don't vary";
  const std::vector<double> tenths(10, 0.1), ones(10, 1.0);
  EXPECT_EQ(measure_regression(ones, tenths, {}).at("r2").value, 0) << "whose sum is rounded";
  EXPECT_TRUE(std::isnan(measure_regression({}, {}, {}).at("rmse").interval.low));
}

TEST(Classes, AsScikitLearn) {
  const JsonObject of = known("multiclass");
  ClassRows rows{.classes = 4,
                 .labels = positions(of, "labels"),
                 .said = positions(of, "said"),
                 .chances = numbers(of, "chances")};
  expect_same(measure_classes(rows), of.at("expected").as_object());
  EXPECT_EQ(confusion_of(rows)[0][0], of.at("confusion").as_array()[0].as_array()[0].as_int64());
  // A class nobody has heard of changes nothing but the areas, which need each class.
  rows.classes = 5;
  std::vector<double> wider;
  for (std::size_t i = 0; i < rows.chances.size(); ++i) {
    wider.push_back(rows.chances[i]);
    if (i % 4 == 3) wider.push_back(0);
  }
  const double before = of.at("expected").as_object().at("f1_macro").as_double();
  rows.chances = wider;
  EXPECT_NEAR(measure_classes(rows).at("f1_macro").value, before, 1e-12);
  EXPECT_TRUE(std::isnan(measure_classes(rows).at("roc_auc_ovr").value));
  rows.chances.clear();
  EXPECT_TRUE(std::isnan(measure_classes(rows).at("log_loss").value));
  for (const auto& [name, measured] : measure_classes({.classes = 3}))
    EXPECT_TRUE(std::isnan(measured.value)) << name;
}

TEST(Ranking, AsScikitLearn) {
  const JsonObject of = known("ranking");
  const RankingRows rows{.scores = numbers(of, "scores"),
                         .relevance = numbers(of, "relevance"),
                         .groups = positions(of, "groups")};
  expect_same(measure_ranking(rows, {3, 10}), of.at("expected").as_object());
  const std::vector<std::size_t> strict = positions(of, "strict_groups");
  RankingRows picked;
  for (std::size_t i = 0; i < rows.scores.size(); ++i) {
    const auto at = std::find(strict.begin(), strict.end(), rows.groups[i]);
    if (at == strict.end()) continue;
    picked.scores.push_back(rows.scores[i]);
    picked.relevance.push_back(rows.relevance[i]);
    picked.groups.push_back(static_cast<std::size_t>(at - strict.begin()));
  }
  expect_same(measure_ranking(picked, {3, 10, 100}), of.at("expected_of_strict").as_object());
}

TEST(Ranking, GroupsOfOneDontCount) {
  const RankingRows rows{.scores = {1, 2, 3}, .relevance = {1, 0, 5}, .groups = {0, 0, 1}};
  EXPECT_EQ(ranked_groups(rows), 1);
  EXPECT_DOUBLE_EQ(measure_ranking(rows, {1}).at("mrr").value, 0.5);
  for (const auto& [name, measured] : measure_ranking({}, {5}))
    EXPECT_TRUE(std::isnan(measured.value)) << name;
}

TEST(Confidence, OfAreasAndShares) {
  const JsonObject of = known("binary");
  const std::vector<double> labels = numbers(of, "labels"), chances = numbers(of, "chances");
  const AucInfluence influence = auc_influence(chances, labels);
  EXPECT_NEAR(influence.auc, of.at("auc").as_double(), 1e-12);
  EXPECT_NEAR(influence.auc, auc(chances, labels), 1e-12);
  const auto n = static_cast<double>(labels.size());
  const double error = std::sqrt(std::inner_product(influence.rows.begin(), influence.rows.end(),
                                                    influence.rows.begin(), 0.0)) /
                       n;
  // DeLong's divides by one less than the rows of each kind.
  EXPECT_NEAR(error, of.at("auc_error").as_double(), 0.01 * error);
  const Measured share = share_of(of.at("hits").to_number<double>(), n, 0);
  EXPECT_NEAR(share.interval.low, numbers(of, "wilson")[0], 1e-12);
  EXPECT_NEAR(share.interval.high, numbers(of, "wilson")[1], 1e-12);
  EXPECT_EQ(share_of(0, 10, 0).interval.low, 0);
  EXPECT_EQ(share_of(10, 10, 0).interval.high, 1);
}

TEST(Confidence, BootstrapFindsTheErrorOfAMeanWhateverTheSize) {
  for (const std::size_t n : {400u, 20'000u}) {
    base::SeededRandom random(3);
    std::vector<double> values;
    for (std::size_t i = 0; i < n; ++i)
      values.push_back(static_cast<double>(random.next_u64() >> 11) * 0x1p-53);
    const auto measure = [&](std::span<const std::size_t> drawn) {
      double sum = 0;
      for (const std::size_t i : drawn) sum += values[i];
      return Values{{"mean", sum / static_cast<double>(drawn.size())}};
    };
    const double error = bootstrap_errors(n, measure).at("mean");
    EXPECT_NEAR(error, std::sqrt(1.0 / 12 / static_cast<double>(n)), 0.15 * error) << n;
    EXPECT_EQ(error, bootstrap_errors(n, measure).at("mean")) << "the same again";
  }
  EXPECT_TRUE(bootstrap_errors(1, [](auto) { return Values{{"x", 1}}; }).empty());
}

}  // namespace
}  // namespace slipway::types
