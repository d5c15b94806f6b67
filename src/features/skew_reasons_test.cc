#include "features/skew_reasons.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::features {
namespace {

std::string told(const std::vector<ServedValue>& all, std::size_t which = 0) {
  std::string text;
  for (const ValueReason& reason : reasons_of(all[which], all)) {
    if (!text.empty()) text += "; ";
    text += std::string(reason_name(reason.reason)) + ": " + reason.detail;
  }
  return text;
}

TEST(SkewReasons, ValuesAloneTellMuch) {
  const double third = 1.0 / 3;
  const types::Timestamp noon{43'200'000'000};
  const struct {
    const char* name;
    std::vector<ServedValue> all;
    std::string told;
  } cases[] = {
      {"missing", {{Value(), 2.0}}, "default: missing"},
      {"the same whatever is right", {{7.5, 2.25}, {7.5, 3.5}, {7.5, 4.5}}, "default: always 7.5"},
      {"the same twice is chance", {{7.5, 2.25}, {7.5, 3.5}}, ""},
      {"the same where the right one is the same", {{7.5, 2.25}, {7.5, 2.25}, {7.5, 2.25}}, ""},
      {"a thousand times", {{2500.0, 2.5}}, "unit: x1000"},
      {"minutes for hours", {{2.5, 150.0}}, "unit: x0.01666666667"},
      {"a factor nobody knows, once", {{5.5, 2.5}}, ""},
      {"a factor nobody knows, in many", {{5.5, 2.5}, {6.6, 3.0}, {7.7, 3.5}}, "unit: x2.2"},
      {"fahrenheit", {{74.3, 23.5}}, "unit: C as F"},
      {"float32", {{static_cast<double>(static_cast<float>(third)), third}}, "type: float32"},
      {"cut", {{3.0, 3.7}}, "type: whole number, cut"},
      {"rounded", {{4.0, 3.7}}, "type: whole number, rounded"},
      {"a number's text", {{std::string("7.0"), std::string("7")}}, "type: number as text"},
      {"in the last digits", {{std::nextafter(third, 1), third}}, "type: last digits"},
      {"in the last digits, in many",
       {{3.3 * (1 + 1e-15), 3.3}, {5.7 * (1 + 1e-15), 5.7}, {9.1 * (1 + 1e-15), 9.1}},
       "type: last digits"},
      {"times have no last digits", {{double(noon.micros) - 1, noon}}, ""},
      {"a time in another zone", {{double(noon.micros) - 4 * 3600e6, noon}}, "time zone: -4h"},
      {"nothing fits", {{3.25, 8.0}}, ""},
  };
  for (const auto& c : cases) EXPECT_EQ(told(c.all), c.told) << c.name;
}

TEST(SkewReasons, EqualIsEqualToTheBit) {
  const double third = 1.0 / 3;
  EXPECT_TRUE(is_same(Value(), Value(), false));
  EXPECT_FALSE(is_same(Value(0.0), Value(), false));
  EXPECT_FALSE(is_same(Value(third), Value(std::nextafter(third, 1)), false));
  EXPECT_FALSE(is_same(Value(double(float(third))), Value(third), false));
  EXPECT_TRUE(is_same(Value(double(float(third))), Value(third), true));
  EXPECT_TRUE(is_same(Value(5.0), Value(types::Timestamp{5}), false));
  EXPECT_FALSE(is_same(Value(std::string("a")), Value(std::string("A")), false));
}

TEST(SkewReasons, IntervalHoldsTheRate) {
  const RateInterval none = rate_interval(0, 1000);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.00383, 1e-5);
  const RateInterval some = rate_interval(10, 100);
  EXPECT_NEAR(some.low, 0.05523, 1e-5);
  EXPECT_NEAR(some.high, 0.17437, 1e-5);
  EXPECT_EQ(rate_interval(5, 5).high, 1);
  EXPECT_EQ(rate_interval(0, 0).high, 1);
}

}  // namespace
}  // namespace slipway::features
