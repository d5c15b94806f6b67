// LightGBM's and ONNX's files: answers of the libraries themselves, and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "serving/trees/onnx.h"
#include "store/file_system.h"

namespace slipway::serving::trees {
namespace {

std::string testdata(const std::string& name) {
  return MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) / name));
}

// Rows of numbers below a header.
std::vector<std::vector<double>> table(const std::string& name) {
  std::stringstream lines(testdata(name));
  std::vector<std::vector<double>> rows;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::stringstream cells(line);
    auto& row = rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');)
      row.push_back(std::strtod(cell.c_str(), nullptr));
  }
  return rows;
}

class LightgbmTest : public ::testing::TestWithParam<const char*> {};

TEST_P(LightgbmTest, AnswersAreItsOwn) {
  const std::string name = GetParam();
  const auto model = Ensemble::from_lightgbm(testdata(name + ".txt"));
  ASSERT_TRUE(model) << model.error().message;
  for (const std::vector<double>& row : table(name + ".csv")) {
    std::vector<double> out(model->output_count());
    model->predict(std::span(row).first(model->feature_count()), out);
    for (std::size_t i = 0; i < out.size(); ++i)
      EXPECT_NEAR(out[i], row[model->feature_count() + i], 1e-12 * std::fabs(out[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, LightgbmTest,
                         ::testing::Values("lightgbm_regression", "lightgbm_zero",
                                           "lightgbm_multiclass", "lightgbm_forest"));

class OnnxTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OnnxTest, AnswersAreOnnxRuntimes) {
  const std::string name = GetParam();
  const auto trees = read_onnx_trees(testdata(name + ".onnx"));
  ASSERT_TRUE(trees) << trees.error().message;
  const Ensemble& model = *trees->ensemble;
  const std::size_t width = model.feature_count(), outputs = model.output_count();
  for (const std::vector<double>& row : table(name + ".csv")) {
    const std::vector<float> features(row.begin(),
                                      row.begin() + static_cast<std::ptrdiff_t>(width));
    std::vector<float> out(outputs);
    std::int64_t chosen = -1;
    model.predict(Rows<float>{.count = 1, .values = features.data()}, std::span(out),
                  std::span(&chosen, 1));
    for (std::size_t i = 0; i < outputs; ++i)
      EXPECT_NEAR(out[i], row[width + i], 1e-6) << name << " " << i;
    if (trees->is_classifier) {
      EXPECT_EQ(trees->integer_labels[static_cast<std::size_t>(chosen)], row[width + outputs]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, OnnxTest,
                         ::testing::Values("onnx_positive", "onnx_mixed", "onnx_sum",
                                           "onnx_average", "onnx_min", "onnx_max", "onnx_sets"));

TEST(LightgbmFormat, WhatIsCutShortIsRefused) {
  const std::string whole = testdata("lightgbm_regression.txt");
  const std::size_t end = whole.find("end of trees");
  for (std::size_t length = 0; length < end; length += 1 + end / 97) {
    const auto model = Ensemble::from_lightgbm(whole.substr(0, length));
    ASSERT_FALSE(model) << length;
    EXPECT_EQ(model.error().code, Code::kCorruption) << model.error().message;
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST(LightgbmFormat, WhatIsWrongIsNamed) {
  const std::string model = testdata("lightgbm_regression.txt");
  const struct {
    const char *from, *to, *named;
    Code code;
  } cases[] = {
      {"objective=regression", "objective=unheard", "unheard", Code::kInvalidArgument},
      {"is_linear=0", "is_linear=1", "tree 0: LightGBM's linear trees", Code::kInvalidArgument},
      {"num_leaves=", "num_leaves=x", "num_leaves", Code::kCorruption},
      {"left_child=1", "left_child=0", "two parents: tree=0", Code::kCorruption},
      {"left_child=", "left_child=99999 ", "left_child has", Code::kCorruption},
      {"split_feature=", "split_features=", "split_feature is missing", Code::kCorruption},
      {"max_feature_idx=3", "max_feature_idx=2", "feature_names", Code::kCorruption},
  };
  for (const auto& c : cases) {
    const auto loaded = Ensemble::from_lightgbm(replaced(model, c.from, c.to));
    ASSERT_FALSE(loaded) << c.to;
    EXPECT_EQ(loaded.error().code, c.code) << loaded.error().message;
    EXPECT_NE(loaded.error().message.find(c.named), std::string::npos) << loaded.error().message;
  }
}

TEST(LightgbmFormat, CategoriesHaveTheirNames) {
  std::string text = testdata("lightgbm_regression.txt");
  const std::size_t at = text.find("pandas_categorical:");
  text = text.substr(0, at) + "pandas_categorical:[[\"x\", \"y\", 7]]\n";
  const auto model = Ensemble::from_lightgbm(text);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->categories()[2], (Categories{"x", "y", "7"}));
  EXPECT_TRUE(model->categories()[0].empty());
}

TEST(OnnxFormat, WhatIsCutShortIsRefused) {
  const std::string whole = testdata("onnx_mixed.onnx");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto model = read_onnx_trees(whole.substr(0, length));
    // What follows the graph is the version of the operators, which trees don't ask for.
    if (model) {
      EXPECT_GT(length, whole.size() - 40);
    }
  }
  EXPECT_EQ(read_onnx_trees("hello").error().code, Code::kCorruption);
}

TEST(OnnxFormat, ChangedBytesNeverCrash) {
  for (const char* name : {"onnx_mixed.onnx", "onnx_sets.onnx"}) {
    const std::string whole = testdata(name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x15);
      const auto model = read_onnx_trees(changed);
      if (!model) continue;
      std::vector<float> row(model->ensemble->feature_count(), 1.0f),
          out(model->ensemble->output_count());
      model->ensemble->predict(std::span<const float>(row), std::span(out));
    }
  }
}

// A tree over one feature whose leaf n is reached by values in [n, n + 1).
Forest staircase(std::size_t leaves) {
  Forest forest;
  forest.feature_names = {"x"};
  forest.base = {0.0};
  Tree& tree = forest.trees.emplace_back();
  // (first leaf, leaves) of what is still to be split, by place in the tree.
  std::vector<std::pair<std::size_t, std::size_t>> parts{{0, leaves}};
  tree.nodes.emplace_back();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [first, count] = parts[i];
    if (count == 1) {
      tree.nodes[i].yes = static_cast<std::uint32_t>(tree.weights.size());
      tree.nodes[i].no = tree.nodes[i].yes + 1;
      tree.weights.push_back({.sum = 0, .value = static_cast<double>(first)});
      continue;
    }
    Node& node = tree.nodes[i];
    node.kind = Node::Kind::kLess;
    node.threshold = static_cast<double>(first + count / 2);
    node.missing_yes = true;
    node.yes = static_cast<std::uint32_t>(parts.size());
    node.no = node.yes + 1;
    parts.emplace_back(first, count / 2);
    parts.emplace_back(first + count / 2, count - count / 2);
    tree.nodes.resize(parts.size());
  }
  return forest;
}

TEST(Compile, ManyThresholdsAndLeavesAnswerTheSameEverywhere) {
  // Around what a byte can number: leaves of a flat tree, thresholds of a column.
  for (const std::size_t leaves : {1, 2, 3, 255, 256, 257, 511, 512, 1000}) {
    Ensemble ensemble = MUST(Ensemble::compile(staircase(leaves)));
    std::vector<float> rows;
    for (std::size_t n = 0; n < leaves; ++n) rows.push_back(static_cast<float>(n) + 0.5f);
    for (std::size_t n = 0; n < leaves; ++n) rows.push_back(static_cast<float>(n));
    rows.push_back(std::nanf(""));
    rows.push_back(-1e30f);
    for (const InstructionSet set :
         {InstructionSet::kPortable, InstructionSet::kAvx2, InstructionSet::kAvx512}) {
      if (set > best_instruction_set()) continue;
      ensemble.restrict_to(set);
      std::vector<float> out(rows.size());
      ensemble.predict(Rows<float>{.count = rows.size(), .values = rows.data(), .row_step = 1},
                       std::span(out));
      for (std::size_t r = 0; r < rows.size(); ++r) {
        const float want = rows[r] >= 0 ? std::floor(rows[r]) : 0;
        ASSERT_EQ(out[r], want) << leaves << " " << rows[r];
        float one = -1;
        ensemble.predict(std::span<const float>(&rows[r], 1), std::span(&one, 1));
        ASSERT_EQ(one, want);
      }
    }
  }
}

TEST(Compile, WhatIsNoTreeIsRefused) {
  const auto refused = [](auto change) {
    Forest forest = staircase(4);
    change(forest);
    const auto ensemble = Ensemble::compile(std::move(forest));
    return !ensemble && ensemble.error().code == Code::kCorruption;
  };
  EXPECT_FALSE(refused([](Forest&) {}));
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].nodes[1].yes = 0; }));  // round in circles
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].nodes[1].yes = 2; }));  // two parents
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].nodes[1].yes = 99; }));
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].nodes[0].feature = 1; }));
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].nodes[3].no = 99; }));
  EXPECT_TRUE(refused([](Forest& f) { f.trees[0].weights[0].sum = 1; }));
  EXPECT_TRUE(refused([](Forest& f) { f.trees.emplace_back(); }));
  EXPECT_TRUE(refused([](Forest& f) { f.base.clear(); }));
}

TEST(Compile, OneLongSetForManyFeaturesIsRefused) {
  // A chain of splits, each on a feature of its own, and all on the same set.
  constexpr std::uint32_t kSplits = 4000;
  Forest forest;
  forest.base = {0.0};
  forest.feature_names.resize(kSplits);
  std::vector<double>& set = forest.sets.emplace_back(10'000);
  for (std::size_t i = 0; i < set.size(); ++i) set[i] = static_cast<double>(i);
  Tree& tree = forest.trees.emplace_back();
  for (std::uint32_t i = 0; i < kSplits; ++i) {
    tree.nodes.push_back(
        {.kind = Node::Kind::kMember, .feature = i, .yes = i + 1, .no = kSplits + 1 + i});
  }
  tree.nodes.resize(2 * kSplits + 1);
  const auto ensemble = Ensemble::compile(std::move(forest));
  ASSERT_FALSE(ensemble);
  EXPECT_NE(ensemble.error().message.find("too many categories"), std::string::npos);
}

TEST(Compile, NoTreesAnswerTheBase) {
  Forest forest;
  forest.feature_names = {"x"};
  forest.base = {1.5};
  const Ensemble ensemble = MUST(Ensemble::compile(std::move(forest)));
  std::vector<float> rows(100, 1.0f), out(100);
  ensemble.predict(Rows<float>{.count = 100, .values = rows.data(), .row_step = 1}, std::span(out));
  EXPECT_EQ(out, std::vector<float>(100, 1.5f));
  ensemble.predict(std::span<const float>(rows).first(1), std::span(out).first(1));
  EXPECT_EQ(out[0], 1.5f);
}

}  // namespace
}  // namespace slipway::serving::trees
