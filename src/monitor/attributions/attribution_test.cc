#include "monitor/attributions/attribution.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::monitor {
namespace {

TEST(AttributionDrift, IsOneInTheSameOrder) {
  const Attributions reference{.inputs = {{"a", 3}, {"b", 2}, {"c", 1}}, .rows = 10};
  const AttributionDrift drift = AttributionDrift::between(
      reference, {.inputs = {{"a", 300}, {"b", 20}, {"c", 19}}, .rows = 4});
  EXPECT_DOUBLE_EQ(drift.ndcg, 1);
  EXPECT_EQ(drift.rows, 4);
  EXPECT_EQ(drift.reference_rows, 10);
}

// DCG = sum of the reference's attributions, in the order of now, over log2(place + 1).
TEST(AttributionDrift, IsClarifysNdcg) {
  const Attributions reference{.inputs = {{"a", 0.6}, {"b", 0.3}, {"c", 0.1}}, .rows = 10};
  const AttributionDrift drift =
      AttributionDrift::between(reference, {.inputs = {{"a", 0.1}, {"b", 0.2}, {"c", 0.7}}});
  const double log3 = std::log2(3.0);
  EXPECT_NEAR(drift.ndcg, (0.1 + 0.3 / log3 + 0.6 / 2) / (0.6 + 0.3 / log3 + 0.1 / 2), 1e-12);
  ASSERT_EQ(drift.inputs.size(), 3u);
  EXPECT_EQ(drift.inputs[0].name, "a");
  EXPECT_EQ(drift.inputs[0].reference_rank, 1);
  EXPECT_EQ(drift.inputs[0].rank, 3);
  EXPECT_EQ(base::to_text(MUST(AttributionDrift::from_json(drift.to_json())).to_json()),
            base::to_text(drift.to_json()));
}

TEST(AttributionDrift, EqualOnesAreNoDifference) {
  const Attributions reference{.inputs = {{"a", 1}, {"b", 0}, {"c", 0}}};
  EXPECT_DOUBLE_EQ(
      AttributionDrift::between(reference, {.inputs = {{"a", 0}, {"b", 0}, {"c", 0}}}).ndcg, 1);
  EXPECT_TRUE(std::isnan(AttributionDrift::between(reference, {}).ndcg));
  EXPECT_TRUE(
      std::isnan(AttributionDrift::between({.inputs = {{"a", 0}}}, {.inputs = {{"a", 0}}}).ndcg));
}

}  // namespace
}  // namespace slipway::monitor
