#include "cli/ci/bisection.h"

#include <gtest/gtest.h>

#include <bit>

namespace slipway::cli {
namespace {

using enum Bisection::Verdict;

TEST(Bisection, FindsTheFirstBadOneWithLog2Questions) {
  for (std::size_t points = 2; points <= 65; ++points) {
    for (std::size_t first_bad = 1; first_bad < points; ++first_bad) {
      Bisection bisection(points);
      const std::size_t at_most = bisection.left();
      EXPECT_EQ(at_most, static_cast<std::size_t>(std::bit_width(points - 2)));
      std::size_t asked = 0;
      while (const auto point = bisection.next()) {
        ++asked;
        bisection.tell(*point, *point < first_bad ? kGood : kBad);
      }
      EXPECT_EQ(bisection.bad(), first_bad);
      EXPECT_EQ(bisection.good(), first_bad - 1);
      EXPECT_LE(asked, at_most) << points << " " << first_bad;
    }
  }
}

TEST(Bisection, WhatCantBeAskedIsSkippedAndLeftAsARange) {
  Bisection bisection(9);  // 3, 4 and 5 can't be run; 5 was the first bad one
  while (const auto point = bisection.next())
    bisection.tell(*point, *point >= 3 && *point <= 5 ? kSkipped : *point < 5 ? kGood : kBad);
  EXPECT_EQ(bisection.good(), 2u);
  EXPECT_EQ(bisection.bad(), 6u);
}

TEST(Bisection, NeighboursLeaveNothingToAsk) {
  EXPECT_FALSE(Bisection(2).next());
  EXPECT_EQ(Bisection(2).left(), 0u);
}

}  // namespace
}  // namespace slipway::cli
