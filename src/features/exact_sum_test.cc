// The oracle has more digits than a sum of doubles can need.
#include "features/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace slipway::features {
namespace {

using Wide = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<2300>>;

double exact(const std::vector<double>& numbers) {
  Wide sum = 0;
  for (const double x : numbers) sum += x;
  return static_cast<double>(sum);
}

double sum_of(const std::vector<double>& numbers) {
  ExactSum sum;
  for (const double x : numbers) sum.add(x);
  return sum.value();
}

double sum_of_parts(const std::vector<double>& numbers, std::size_t part) {
  ExactSum sum;
  for (std::size_t at = 0; at < numbers.size(); at += part) {
    ExactSum of_part;
    for (std::size_t i = at; i < std::min(at + part, numbers.size()); ++i) of_part.add(numbers[i]);
    ExactSum kept;
    if (const auto narrow = of_part.narrow()) {
      kept.add(narrow->high);
      kept.add(narrow->low);
    } else {
      EXPECT_TRUE(kept.add_kept(of_part.wide()));
    }
    ExactSum moved(std::move(kept));
    sum.add(moved);
  }
  return sum.value();
}

TEST(ExactSum, KnownSums) {
  const double inf = INFINITY, huge = std::numeric_limits<double>::max(),
               least = std::numeric_limits<double>::denorm_min();
  EXPECT_EQ(sum_of({}), 0);
  EXPECT_EQ(sum_of({-0.0}), 0);
  EXPECT_EQ(sum_of({0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}), 1);
  EXPECT_EQ(sum_of({1e100, 1, -1e100}), 1);
  EXPECT_EQ(sum_of({1, 1e-300, -1, 1e300, -1e300}), 1e-300);
  EXPECT_EQ(sum_of({huge, huge, -huge}), huge);  // only the sum itself must be finite
  EXPECT_EQ(sum_of({huge, huge}), inf);
  EXPECT_EQ(sum_of({-huge, -huge, -1}), -inf);
  EXPECT_EQ(sum_of({least, least, least}), 3 * least);
  EXPECT_EQ(sum_of({huge, least, -huge}), least);
  EXPECT_EQ(sum_of({0x1p53, 1, 0x1p-1000}),
            0x1p53 + 2);  // above the middle, by far less than shows
  EXPECT_EQ(sum_of({0x1p53, 1, -0x1p-1000}), 0x1p53);
  EXPECT_EQ(sum_of({0x1p53, 1}), 0x1p53);  // in the middle: to the even one
  EXPECT_EQ(sum_of({inf, 1, -huge}), inf);
  EXPECT_EQ(sum_of({1, -inf}), -inf);
  EXPECT_TRUE(std::isnan(sum_of({inf, 1, -inf})));
  EXPECT_TRUE(std::isnan(sum_of_parts({inf, 1, -inf}, 1)));
}

TEST(ExactSum, WhatIsSubtractedWasNeverThere) {
  const std::vector<double> there = {1e300, 0.1, -7},
                            gone = {INFINITY, 1e-300, -INFINITY, -1e300, 3};
  ExactSum sum, part;
  for (const double x : gone) sum.add(x);
  for (const double x : there) sum.add(x);
  EXPECT_TRUE(std::isnan(sum.value()));
  for (const double x : gone) part.add(x);
  sum.subtract(part);
  EXPECT_EQ(sum.value(), exact(there));
  for (const double x : gone) sum.add(x);
  for (const double x : gone) sum.subtract(x);
  EXPECT_EQ(sum.value(), exact(there));
  ExactSum narrow;
  narrow.add(0.1);
  narrow.add(0.2);
  narrow.subtract(0.1);
  EXPECT_EQ(narrow.value(), 0.2);
}

// Numbers of all exponents, of some, and such that cancel each other.
TEST(ExactSum, EveryOrderAndEveryPartGivesTheRoundedSum) {
  base::SeededRandom random(11);
  const auto number = [&](int exponents) {
    const auto exponent =
        static_cast<int>(random.next_u64() % static_cast<std::uint64_t>(exponents));
    const auto mantissa = static_cast<double>(random.next_u64() >> 11) * 0x1p-53 - 0.5;
    return std::ldexp(mantissa, exponent - exponents / 2);
  };
  for (const int exponents : {1, 8, 60, 200, 2000}) {
    for (int round = 0; round < 40; ++round) {
      std::vector<double> numbers;
      for (std::uint64_t n = random.next_u64() % 60; n > 0; --n) {
        numbers.push_back(number(exponents));
        if (round % 2 == 0 && n % 3 == 0)
          numbers.push_back(-numbers[random.next_u64() % numbers.size()]);
      }
      const double expected = exact(numbers);
      for (int order = 0; order < 3; ++order) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(sum_of(numbers)),
                  std::bit_cast<std::uint64_t>(expected));
        EXPECT_EQ(sum_of_parts(numbers, 1 + random.next_u64() % 9), expected);
        for (std::size_t i = numbers.size(); i > 1; --i)
          std::swap(numbers[i - 1], numbers[random.next_u64() % i]);
      }
    }
  }
}

TEST(ExactSum, ManyTimesIsAsIfOneByOne) {
  for (const double number : {0.1, -3e200, 1e308, -1e308, 5e-324, double{INFINITY}, 0x1p960}) {
    for (const std::uint64_t times : {0u, 1u, 2u, 3u, 100u, 1023u}) {
      ExactSum at_once, one_by_one;
      at_once.add(1);
      at_once.add_times(number, times);
      one_by_one.add(1);
      for (std::uint64_t i = 0; i < times; ++i) one_by_one.add(number);
      EXPECT_EQ(at_once.value(), one_by_one.value()) << number << " " << times;
      for (std::uint64_t i = 0; i < times; ++i) at_once.subtract(number);
      EXPECT_EQ(at_once.value(), 1) << number << " " << times;
    }
  }
  ExactSum most;
  most.add_times(1e308, 0xffffffff);
  most.add_times(-1e308, 0xfffffffe);
  EXPECT_EQ(most.value(), 1e308);
}

}  // namespace
}  // namespace slipway::features
