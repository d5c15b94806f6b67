#include "types/boosted_trees.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "types/performance.h"

namespace slipway::types {
namespace {

std::vector<std::uint32_t> all_rows(std::size_t rows) {
  std::vector<std::uint32_t> all(rows);
  std::iota(all.begin(), all.end(), 0u);
  return all;
}

// LightGBM 4.6.0 on the same table (min_data_in_bin 1), which has a bin a value: the same trees.
// With a logistic loss it guesses how many rows a leaf has, so there leaves may have one.
TEST(BoostedTrees, are_those_of_lightgbm) {
  constexpr std::size_t kRows = 300;
  FeatureValues a, b;
  std::vector<double> targets;
  for (std::size_t i = 0; i < kRows; ++i) {
    const double x = static_cast<double>((i * 7) % 41), y = static_cast<double>((i * 13) % 29);
    a.values.push_back(x);
    b.values.push_back(i % 17 == 0 ? std::numeric_limits<double>::quiet_NaN() : y);
    targets.push_back(std::sin(x / 5) + (i % 17 == 0 ? 2 : 0.1 * y));
  }
  const BinnedTable table = BinnedTable::of({a, b});
  const BoostedTrees trees =
      BoostedTrees::fit(table, all_rows(kRows), targets, {.trees = 20, .leaves = 7});
  const double expected[] = {2.24879015, 1.97872493, 2.78359557, 0.412624969,
                             1.68490508, 1.42618017, 2.29400089, 1.07792161};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_NEAR(trees.predict(table, i), expected[i], 1e-5) << i;
  }
  std::vector<double> said;
  for (const double target : targets) said.push_back(target > 1 ? 1 : 0);
  const BoostedTrees chances =
      BoostedTrees::fit(table, all_rows(kRows), said,
                        {.loss = BoostedTrees::Loss::kLogistic, .trees = 20, .leaves = 7});
  const double expected_chances[] = {0.96057875, 0.9647774,  0.96057875, 0.15343323,
                                     0.96057875, 0.88697841, 0.96057875, 0.78153736};
  for (std::size_t i = 0; i < std::size(expected_chances); ++i) {
    EXPECT_NEAR(chances.predict(table, i), expected_chances[i], 0.01) << i;
  }
}

TEST(BoostedTrees, learn_categories_and_say_what_they_learned_from) {
  std::mt19937 random(1);
  FeatureValues category{.values = {}, .categorical = true}, noise;
  std::vector<double> targets;
  for (std::size_t i = 0; i < 4000; ++i) {
    const std::size_t code = random() % 300;  // more than bins
    category.values.push_back(static_cast<double>(code));
    noise.values.push_back(static_cast<double>(random() % 1000));
    targets.push_back(code % 3 == 0 ? 1 : 0);
  }
  const BinnedTable table = BinnedTable::of({noise, category});
  const BoostedTrees trees =
      BoostedTrees::fit(table, all_rows(4000), targets, {.loss = BoostedTrees::Loss::kLogistic});
  std::vector<double> chances;
  for (std::size_t i = 0; i < 4000; ++i) chances.push_back(trees.predict(table, i));
  EXPECT_GT(auc(chances, targets), 0.95);
  const std::vector<double> importance = trees.importance();
  EXPECT_GT(importance[1], 0.8);
  EXPECT_NEAR(importance[0] + importance[1], 1, 1e-12);
  // A category and a value that nobody has seen, and a gap, have an answer too.
  const BinnedTable other = table.cut({{.values = {1e9, std::nan("")}, .categorical = false},
                                       {.values = {12345, std::nan("")}, .categorical = true}});
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_GE(trees.predict(other, i), 0);
    EXPECT_LE(trees.predict(other, i), 1);
  }
}

TEST(BoostedTrees, learn_nothing_from_nothing) {
  const BinnedTable table = BinnedTable::of({{.values = {1, 1, 1}, .categorical = false}});
  const BoostedTrees trees =
      BoostedTrees::fit(table, all_rows(3), std::vector<double>{1, 2, 6}, {});
  EXPECT_DOUBLE_EQ(trees.predict(table, 0), 3);
  EXPECT_EQ(trees.importance(), std::vector<double>{0});
  const BoostedTrees sure = BoostedTrees::fit(table, all_rows(3), std::vector<double>{1, 1, 1},
                                              {.loss = BoostedTrees::Loss::kLogistic});
  EXPECT_NEAR(sure.predict(table, 0), 1, 1e-9);
  // Infinite values are values.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  FeatureValues wild;
  std::vector<double> targets;
  for (int i = 0; i < 100; ++i) {
    wild.values.push_back(i % 2 == 0 ? -kInfinity : kInfinity);
    targets.push_back(i % 2);
  }
  const BinnedTable ends = BinnedTable::of({wild});
  const BoostedTrees told = BoostedTrees::fit(ends, all_rows(100), targets, {});
  EXPECT_LT(told.predict(ends, 0), 0.1);
  EXPECT_GT(told.predict(ends, 1), 0.9);
}

}  // namespace
}  // namespace slipway::types
