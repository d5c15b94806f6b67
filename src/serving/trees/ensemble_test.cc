// Our answers against XGBoost's own, on models it wrote; and what is no model is refused, wherever
// it is broken.
#include "serving/trees/ensemble.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace slipway::serving::trees
