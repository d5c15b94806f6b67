// Messages as rows: what belongs together is one batch, and only the message that is to blame is
// refused.
#include "api/predict/stream_scorer.h"

#include <gtest/gtest.h>

#include "api/predict/testing/served_trees.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

class StreamScorerTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kGood = R"({"a":0.5,"b":100,"c":"x","d":1,"e":"k75"})";

  testing::ServedTrees trees_;
  StreamScorer scorer_{trees_.endpoints()};
};

TEST_F(StreamScorerTest, NoModelYetIsNoMessagesFault) {
  const std::vector<streams::Question> one = {{.value = kGood, .id = "1", .route_key = "1"}};
  EXPECT_EQ(scorer_.score("late", one).error().code, Code::kNotFound);
}

TEST_F(StreamScorerTest, OnlyWhoIsToBlameIsRefused) {
  trees_.deploy("late");
  const std::vector<std::string> values = {
      std::string(kGood),
      "{\"a\":",
      "[1]",
      R"({"a":"text","b":100,"c":"x","d":1,"e":"k75"})",
      R"({"a":0.5,"b":100,"c":"x","d":1,"typo":"k75"})",
      R"({"a":0.5,"b":100,"c":"x","d":1,"e":"k75","more":{"deep":[1]},"who":"cares"})",
      R"({"e":"k75","d":1,"c":"x","b":100,"a":0.5})",
      ""};
  std::vector<streams::Question> questions;
  std::vector<std::string> ids;
  ids.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    ids.push_back("t-0-" + std::to_string(i));
    questions.push_back({.value = values[i],
                         .id = ids[i],
                         .route_key = ids[i],
                         .event_time = {static_cast<std::int64_t>(i + 1) * 1'000'000}});
  }
  const auto results = scorer_.score("late", questions);
  ASSERT_TRUE(results) << results.error().message;
  ASSERT_EQ(results->size(), values.size());
  for (const std::size_t good : {0u, 5u, 6u}) {
    ASSERT_TRUE((*results)[good]) << (*results)[good].error().message;
    EXPECT_EQ((*results)[good]->value, (*results)[0]->value);
    EXPECT_EQ((*results)[good]->model_version, 1);
    EXPECT_EQ((*results)[good]->revision, 5);
    EXPECT_TRUE(base::parse_json_object((*results)[good]->value).value().at("p").is_double());
    const auto logged = trees_.log().find("late", ids[good]);
    ASSERT_TRUE(logged) << logged.error().message;
  }
  for (const std::size_t bad : {1u, 2u, 3u, 4u, 7u}) {
    ASSERT_FALSE((*results)[bad]) << values[bad];
    EXPECT_EQ((*results)[bad].error().code, Code::kInvalidArgument);
    EXPECT_FALSE(trees_.log().find("late", ids[bad]));
  }
  const auto rows = trees_.log().read("late", {2'000'000}, {100'000'000}, {"request_id"});
  EXPECT_EQ(rows->rows(), 2u) << "each at its own event time, once";
}

TEST_F(StreamScorerTest, ARowGoesToTheVariantOfItsKey) {
  trees_.deploy("late", 5000);
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) keys.push_back(std::to_string(i));
  std::vector<streams::Question> questions;
  for (const std::string& key : keys)
    questions.push_back({.value = kGood, .id = key, .route_key = key});
  const auto results = scorer_.score("late", questions);
  ASSERT_TRUE(results) << results.error().message;
  int canaries = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool canary = serving::slot_of("salt", keys[i]) >= 5000;
    canaries += canary ? 1 : 0;
    EXPECT_EQ((*results)[i]->variant, canary ? "canary" : "live");
    EXPECT_EQ((*results)[i]->model_version, canary ? 2 : 1);
  }
  EXPECT_GT(canaries, 0);
  EXPECT_LT(canaries, 40);
}

}  // namespace
}  // namespace slipway::api::predict
