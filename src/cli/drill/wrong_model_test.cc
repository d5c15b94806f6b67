#include "cli/drill/wrong_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "serving/trees/ensemble.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

std::string model_file(const char* name) {
  return MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) / name));
}

// What a model says of rows (x, 1, 2 ...), x = 0, 1 ... 19.
std::vector<double> answers(const serving::trees::Ensemble& model) {
  std::vector<double> all;
  for (int x = 0; x < 20; ++x) {
    std::vector<double> row(model.feature_count()), out(model.output_count());
    for (std::size_t f = 0; f < row.size(); ++f) row[f] = static_cast<double>(f);
    row[0] = x;
    model.predict(row, out);
    all.insert(all.end(), out.begin(), out.end());
  }
  return all;
}

TEST(DrillModel, ItsLeavesAreTurnedAround) {
  using serving::trees::Ensemble;
  for (const char* name : {"squared.json", "squared.ubj", "dart.json", "logistic.ubj"}) {
    const std::string file = model_file(name);
    const auto was = answers(MUST(Ensemble::from_xgboost(file)));
    const auto now = answers(MUST(Ensemble::from_xgboost(MUST(turn_leaves(file)))));
    EXPECT_NE(was, now) << name;
    // Twice is not at all.
    const std::string twice = MUST(turn_leaves(MUST(turn_leaves(file))));
    EXPECT_EQ(answers(MUST(Ensemble::from_xgboost(twice))), was) << name;
    if (!std::string_view(name).starts_with("squared")) continue;
    // Mirrored at the base score.
    for (std::size_t i = 1; i < was.size(); ++i)
      EXPECT_NEAR(was[i] + now[i], was[0] + now[0], 1e-4) << name;
  }
  const std::string file = model_file("lightgbm_regression.txt");
  const auto was = answers(MUST(Ensemble::from_lightgbm(file)));
  const auto now = answers(MUST(Ensemble::from_lightgbm(MUST(turn_leaves(file)))));
  for (std::size_t i = 0; i < was.size(); ++i) EXPECT_NEAR(was[i], -now[i], 1e-9);
}

// Log-odds are one lower: 0.5 becomes 0.27, and 0.73 is what 0.5 was.
TEST(DrillModel, TheBarOfAYesIsMoved) {
  using serving::trees::Ensemble;
  const std::string file = model_file("logistic.ubj");
  const auto was = answers(MUST(Ensemble::from_xgboost(file)));
  const auto now = answers(MUST(Ensemble::from_xgboost(MUST(move_bar(file)))));
  for (std::size_t i = 0; i < was.size(); ++i)
    EXPECT_NEAR(std::log(now[i] / (1 - now[i])), std::log(was[i] / (1 - was[i])) - 1, 1e-3);
  const std::string lightgbm = model_file("lightgbm_regression.txt");
  const auto before = answers(MUST(Ensemble::from_lightgbm(lightgbm)));
  const auto after = answers(MUST(Ensemble::from_lightgbm(MUST(move_bar(lightgbm)))));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(after[i], before[i] - 1, 1e-9);
}

TEST(DrillModel, WhatIsNoTreesIsLeftAlone) {
  for (const char* bytes :
       {"", "{", "{}", "[]", "flavors:\n", R"({"columns": ["a"]})", R"({"learner": []})",
        R"({"learner": {"gradient_booster": {"model": {"trees": []}}}})",
        R"({"learner": {"gradient_booster": {"model": {"trees": [{"left_children": [-1]}]}}}})"}) {
    const auto turned = turn_leaves(bytes);
    ASSERT_FALSE(turned) << bytes;
    EXPECT_EQ(turned.error().code, Code::kFailedPrecondition) << bytes;
  }
}

}  // namespace
}  // namespace slipway::cli
