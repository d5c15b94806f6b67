// Our answers against XGBoost's own, on models it wrote; and what is no model is refused, wherever
// it is broken.
#include "serving/trees/ensemble.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <sstream>

#include "store/file_system.h"

namespace slipway::serving::trees {
namespace {

std::string testdata(const std::string& name) {
  return MUST(store::read_file(std::filesystem::path(SLIPWAY_TREES_TESTDATA) / name));
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

class GoldenTest : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(GoldenTest, AgreesWithXgboost) {
  const auto [name, format] = GetParam();
  const auto loaded = Ensemble::from_xgboost(testdata(std::string(name) + "." + format));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->feature_names(), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(loaded->categories()[2], (Categories{"w", "x", "ys", "zurich"}));
  std::stringstream lines(testdata(std::string(name) + ".csv"));
  std::string line;
  std::getline(lines, line);
  int rows = 0;
  for (; std::getline(lines, line); ++rows) {
    const auto cells = split(line);
    std::vector<float> row;
    for (std::size_t f = 0; f < 5; ++f) {
      const Categories& categories = loaded->categories()[f];
      if (cells[f].empty()) {
        row.push_back(std::nanf(""));
      } else if (categories.empty()) {
        row.push_back(static_cast<float>(std::stod(cells[f])));
      } else {
        row.push_back(static_cast<float>(std::find(categories.begin(), categories.end(), cells[f]) -
                                         categories.begin()));
      }
    }
    std::vector<float> out(loaded->output_count());
    loaded->predict(row, out);
    for (std::size_t i = 0; i < out.size(); ++i)
      EXPECT_NEAR(out[i], std::stod(cells[5 + i]), 1e-6) << "row " << rows;
  }
  EXPECT_EQ(rows, 120);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenTest,
                         ::testing::Combine(::testing::Values("logistic", "squared", "softprob",
                                                              "poisson", "dart", "stump"),
                                            ::testing::Values("json", "ubj")));

TEST(Ensemble, WhatIsCutShortIsRefused) {
  for (const char* name : {"stump.json", "stump.ubj"}) {
    const std::string whole = testdata(name);
    for (std::size_t length = 0; length < whole.size(); length += 1 + whole.size() / 97) {
      const auto loaded = Ensemble::from_xgboost(whole.substr(0, length));
      ASSERT_FALSE(loaded) << name << " " << length;
      EXPECT_EQ(loaded.error().code, Code::kCorruption);
    }
  }
}

TEST(Ensemble, ChangedBytesNeverCrash) {
  for (const char* name : {"logistic.json", "logistic.ubj"}) {
    const std::string whole = testdata(name);
    for (std::size_t at = 0; at < whole.size(); at += 41) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ 0x15);
      if (const auto loaded = Ensemble::from_xgboost(changed)) {
        std::vector<float> row(loaded->feature_count(), 1.0f), out(loaded->output_count());
        loaded->predict(row, out);
      }
    }
  }
}

TEST(Ensemble, AShortFileDoesNotClaimMuchMemory) {
  // {"a": [ of 2^28 nulls, which take no bytes of their own: once six gigabytes.
  const auto loaded =
      Ensemble::from_xgboost(std::string_view("{i\x01"
                                              "a[$Z#l\x10\x00\x00\x00}",
                                              14));
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("longer than the bytes"), std::string::npos)
      << loaded.error().message;
}

TEST(Ensemble, UnknownThingsAreNamed) {
  std::string model = testdata("stump.json");
  const auto replace = [&](std::string text, const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
    return Ensemble::from_xgboost(text).error();
  };
  EXPECT_NE(replace(model, "binary:logistic", "rank:unheard").message.find("rank:unheard"),
            std::string::npos);
  EXPECT_NE(replace(model, "\"name\":\"gbtree\"", "\"name\":\"gblinear\"").message.find("gblinear"),
            std::string::npos);
  for (const char* text : {"", "{}", "[]", "hello", "{\"learner\":{}}"})
    EXPECT_EQ(Ensemble::from_xgboost(text).error().code, Code::kCorruption) << text;
}

// What a tree is expected to give when only some features are known: Lundberg's definition.
double expected_of(const Tree& tree, std::uint32_t at, const std::vector<double>& row,
                   unsigned known) {
  const Node& node = tree.nodes[at];
  if (node.kind == Node::Kind::kLeaf) return tree.weights[node.yes].value;
  if ((known >> node.feature & 1) != 0) {
    const double value = row[node.feature];
    const bool yes = std::isnan(value) ? node.missing_yes : value < node.threshold;
    return expected_of(tree, yes ? node.yes : node.no, row, known);
  }
  const double yes = tree.nodes[node.yes].cover, no = tree.nodes[node.no].cover;
  return (yes * expected_of(tree, node.yes, row, known) +
          no * expected_of(tree, node.no, row, known)) /
         (yes + no);
}

// A tree that asks features again on the way down.
std::uint32_t grow(Tree& tree, std::size_t depth, double cover, std::uint64_t& seed) {
  const auto random = [&] {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(seed >> 11) / 9007199254740992.0;
  };
  const auto at = static_cast<std::uint32_t>(tree.nodes.size());
  tree.nodes.push_back({.cover = cover});
  if (depth == 0 || random() < 0.1) {
    tree.nodes[at].yes = static_cast<std::uint32_t>(tree.weights.size());
    tree.nodes[at].no = tree.nodes[at].yes + 1;
    tree.weights.push_back({.sum = 0, .value = random() - 0.5});
    return at;
  }
  const double share = random();
  const std::uint32_t yes = grow(tree, depth - 1, cover * share, seed),
                      no = grow(tree, depth - 1, cover * (1 - share), seed);
  Node& node = tree.nodes[at];
  node.kind = Node::Kind::kLess;
  node.feature = static_cast<std::uint32_t>(random() * 6);
  node.threshold = random();
  node.missing_yes = random() < 0.5;
  node.yes = yes;
  node.no = no;
  return at;
}

TEST(Explain, ValuesAreShapleysByDefinition) {
  constexpr std::size_t kFeatures = 6;
  std::uint64_t seed = 7;
  for (int round = 0; round < 20; ++round) {
    Forest forest{.feature_names = {"a", "b", "c", "d", "e", "f"}};
    forest.doubles_compared = forest.doubles_summed = forest.has_covers = true;
    forest.base = {0.25};
    for (int t = 0; t < 3; ++t) grow(forest.trees.emplace_back(), 7, 1000, seed);
    const std::vector<Tree> trees = forest.trees;
    std::vector<double> rows(70 * kFeatures);
    for (double& value : rows) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      value = static_cast<double>(seed >> 11) / 9007199254740992.0;
      if (value > 0.9) value = std::nan("");
    }
    const auto model = Ensemble::compile(std::move(forest));
    ASSERT_TRUE(model) << model.error().message;
    ASSERT_TRUE(model->can_explain());
    std::vector<double> out(70 * (kFeatures + 1));
    model->explain({.count = 70, .values = rows.data(), .row_step = kFeatures}, out);
    for (std::size_t r : {0u, 3u, 63u, 64u, 69u}) {
      const std::vector<double> row(
          rows.begin() + static_cast<std::ptrdiff_t>(r * kFeatures),
          rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * kFeatures));
      const auto known = [&](unsigned features) {
        double sum = 0.25;
        for (const Tree& tree : trees) sum += expected_of(tree, 0, row, features);
        return sum;
      };
      double total = 0;
      for (std::size_t f = 0; f <= kFeatures; ++f) total += out[r * (kFeatures + 1) + f];
      EXPECT_NEAR(total, known(63), 1e-12);
      EXPECT_NEAR(out[r * (kFeatures + 1) + kFeatures], known(0), 1e-12);
      for (unsigned f = 0; f < kFeatures; ++f) {
        double value = 0;
        constexpr double kFactorials[] = {1, 1, 2, 6, 24, 120, 720};
        for (unsigned others = 0; others < 64; ++others) {
          if ((others >> f & 1) != 0) continue;
          const auto size = static_cast<std::size_t>(std::popcount(others));
          value += kFactorials[size] * kFactorials[kFeatures - 1 - size] / kFactorials[kFeatures] *
                   (known(others | 1u << f) - known(others));
        }
        EXPECT_NEAR(out[r * (kFeatures + 1) + f], value, 1e-12) << "row " << r << " feature " << f;
      }
    }
  }
}

TEST(Explain, FilesThatDoNotSayWhatTrainedThemAreNamed) {
  std::string model = testdata("stump.json");
  ASSERT_TRUE(MUST(Ensemble::from_xgboost(model)).can_explain());
  for (std::size_t at; (at = model.find("sum_hessian")) != std::string::npos;)
    model.replace(at, 11, "sum_forgets");
  const auto loaded = Ensemble::from_xgboost(model);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Result<void> can = loaded->can_explain();
  ASSERT_FALSE(can);
  EXPECT_EQ(can.error().code, Code::kFailedPrecondition);
  EXPECT_NE(can.error().message.find("sum_hessian"), std::string::npos);
}

}  // namespace
}  // namespace slipway::serving::trees
