// Expected numbers are numpy's: var(ddof=1), std(ddof=1), quantile.
#include "features/window_values.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace slipway::features {
namespace {

using enum AggregateFunction;

Value of(AggregateFunction function, std::vector<double> values, double parameter = 0) {
  return aggregate_of({.name = "", .function = function, .expression = "", .parameter = parameter},
                      std::span(values));
}
Value of(AggregateFunction function, std::vector<std::string_view> values, double parameter = 0) {
  return aggregate_of({.name = "", .function = function, .expression = "", .parameter = parameter},
                      std::span(values));
}

TEST(WindowValues, Numbers) {
  const std::vector<double> some = {3, 1, 4, 1, 5};
  EXPECT_NEAR(std::get<double>(of(kVariance, some)), 3.2, 1e-12);
  EXPECT_NEAR(std::get<double>(of(kStddev, some)), 1.788854381999832, 1e-12);
  EXPECT_EQ(of(kVariance, {1e9 + 1, 1e9 + 2, 1e9 + 3}), Value(1.0));  // no digits are lost
  EXPECT_EQ(of(kFirst, some), Value(3.0));
  EXPECT_EQ(of(kLast, some), Value(5.0));
  EXPECT_EQ(of(kDistinct, some), Value(4.0));
  EXPECT_EQ(of(kMode, some), Value(1.0));
  EXPECT_EQ(of(kTopK, some, 3), Value(std::string("[1,3,4]")));
  EXPECT_EQ(of(kTopK, {0.5, INFINITY}, 3), Value(std::string("[0.5,\"inf\"]")));
  EXPECT_EQ(of(kQuantile, some, 0), Value(1.0));
  EXPECT_EQ(of(kQuantile, some, 0.5), Value(3.0));
  EXPECT_EQ(of(kQuantile, some, 1), Value(5.0));
  EXPECT_EQ(of(kQuantile, some, 0.9), Value(4.6));
  EXPECT_EQ(of(kQuantile, {1, 2}, 0.25), Value(1.25));
}

TEST(WindowValues, Texts) {
  EXPECT_EQ(of(kTopK, {"b", "a\"", "b", "c"}, 2), Value(std::string(R"(["b","a\""])")));
  EXPECT_EQ(of(kMode, {"b", "a", "b", "a"}), Value(std::string("a")));  // as often: the lesser
  EXPECT_EQ(of(kMax, {"b", "c", "a"}), Value(std::string("c")));
  EXPECT_EQ(of(kDistinct, {"b", "c", "b"}), Value(2.0));
  std::vector<types::Timestamp> times = {{0}, {0}, {1'000'000}};
  EXPECT_EQ(aggregate_of({.name = "", .function = kTopK, .expression = "", .parameter = 1},
                         std::span(times)),
            Value(std::string(R"(["1970-01-01T00:00:00Z"])")));
}

TEST(WindowValues, TheFewestValues) {
  for (const AggregateFunction function :
       {kVariance, kStddev, kFirst, kLast, kTopK, kMode, kQuantile})
    EXPECT_EQ(of(function, std::vector<double>(), 1), Value());
  EXPECT_EQ(of(kDistinct, std::vector<double>()), Value(0.0));
  EXPECT_EQ(of(kVariance, std::vector{7.0}), Value());  // one value has no sample variance
  EXPECT_EQ(of(kStddev, std::vector{7.0}), Value());
  EXPECT_EQ(of(kVariance, {INFINITY, 1}), Value());
  EXPECT_EQ(of(kQuantile, std::vector{7.0}, 0.3), Value(7.0));
}

// Values that are counted give what they give one by one, to the bit.
TEST(WindowValues, CountedOrNotItIsTheSame) {
  base::SeededRandom random(5);
  const auto below = [&](std::uint64_t n) { return random.next_u64() % n; };
  for (int round = 0; round < 2'000; ++round) {
    const double scale = round % 7 == 0 ? 1e300 : round % 11 == 0 ? 1e-310 : 1;
    std::vector<double> numbers;
    std::vector<std::string_view> texts;
    std::vector<Counted<double>> counted;
    std::vector<Counted<std::string_view>> counted_texts;
    static constexpr std::string_view kWords[] = {"a", "b", "", "abc", "c"};
    for (std::uint64_t parts = below(8); parts-- > 0;) {
      const double number = scale * (static_cast<double>(below(20)) / 7 - 1);
      const std::string_view word = kWords[below(5)];
      const std::uint64_t times = 1 + below(9);
      counted.push_back({number, times});
      counted_texts.push_back({word, times});
      numbers.insert(numbers.end(), times, number);
      texts.insert(texts.end(), times, word);
    }
    for (const auto function : {kVariance, kStddev, kDistinct, kTopK, kMode, kQuantile}) {
      for (const double parameter : {0.0, 0.25, 0.5, 0.9, 1.0}) {
        const Aggregate aggregate{
            .name = "",
            .function = function,
            .expression = "",
            .parameter = function == kTopK ? std::trunc(3 * parameter) + 1 : parameter};
        EXPECT_EQ(aggregate_of(aggregate, counted), of(function, numbers, aggregate.parameter));
        if (function == kVariance || function == kStddev || function == kQuantile) continue;
        EXPECT_EQ(aggregate_of(aggregate, counted_texts), of(function, texts, aggregate.parameter));
      }
    }
  }
}

}  // namespace
}  // namespace slipway::features
