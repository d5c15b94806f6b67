#include "tracking/filter.h"

#include <gtest/gtest.h>

namespace slipway::tracking {
namespace {

TEST(Filter, ReadsEveryForm) {
  const auto clauses = parse_filter(
                           "metrics.auc >= -1e3 AND params.\"max depth\" != '6' and tags.`a.b c` "
                           "IS NOT NULL AND status = \"FINISHED\" "
                           "AND run_id NOT IN ('a','b') AND tag.x ILIKE '%y%' AND dataset.name = "
                           "'d' AND metrics.x < .5 AND ")
                           .value();
  ASSERT_EQ(clauses.size(), 8u);
  EXPECT_EQ(clauses[0].entity, Entity::kMetric);
  EXPECT_EQ(std::get<double>(clauses[0].value), -1000);
  EXPECT_EQ(clauses[1].key, "max depth");
  EXPECT_EQ(clauses[2].key, "a.b c");
  EXPECT_EQ(clauses[2].op, Operator::kIsNotNull);
  EXPECT_EQ(clauses[3].entity, Entity::kAttribute);
  EXPECT_EQ(std::get<std::vector<std::string>>(clauses[4].value).size(), 2u);
  EXPECT_EQ(clauses[5].op, Operator::kILike);
  EXPECT_EQ(std::get<double>(clauses[7].value), 0.5);
  EXPECT_TRUE(parse_filter("").value().empty());
}

TEST(Filter, RefusesTheRest) {
  for (const char* text :
       {"metrics.a", "metrics.a >", "metrics.a > 1 OR metrics.b > 1", "(metrics.a > 1)",
        "NOT metrics.a > 1", "metrics.a > 'x", "color.x = '1'", "metrics.a >> 1", "run_id IN ()",
        "run_id IN ('a'", "params. = '1'", "metrics.a > 1x", "= 1"}) {
    const auto parsed = parse_filter(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument) << text;
  }
}

TEST(OrderBy, DirectionAndKey) {
  EXPECT_FALSE(parse_order_by("metrics.`a b` DESC").value().ascending);
  EXPECT_EQ(parse_order_by("metrics.`a b` DESC").value().key, "a b");
  EXPECT_TRUE(parse_order_by("start_time").value().ascending);
  EXPECT_FALSE(parse_order_by("start_time DOWN"));
  EXPECT_FALSE(parse_order_by(""));
}

TEST(LikeToGlob, KeepsMeaning) { EXPECT_EQ(like_to_glob("a%b_c*d?[e"), "a*b?c[*]d[?][[]e"); }

}  // namespace
}  // namespace slipway::tracking
