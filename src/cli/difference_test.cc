#include "cli/difference.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::cli {
namespace {

Comparison json(std::string_view before, std::string_view now, double tolerance = 0) {
  return compare_json(*base::parse_json(before), *base::parse_json(now), tolerance);
}

TEST(Difference, NumbersAreComparedBitForBitAndThenByTheTolerance) {
  struct Case {
    double before, now, tolerance;
    Sameness sameness;
  };
  const double nan = std::nan(""), next = std::nextafter(0.1, 1);
  for (const Case& c : {Case{0.1, 0.1, 0, Sameness::kBitEqual},
                        {0.1, next, 0, Sameness::kDifferent},
                        {0.1, next, 1e-12, Sameness::kWithinTolerance},
                        {100, 101, 0.01, Sameness::kWithinTolerance},
                        {100, 101, 0.009, Sameness::kDifferent},
                        {nan, nan, 0, Sameness::kBitEqual},
                        {nan, 1, 1, Sameness::kDifferent},
                        {0.0, -0.0, 0, Sameness::kWithinTolerance}}) {
    EXPECT_EQ(compare_numbers(c.before, c.now, c.tolerance).sameness, c.sameness)
        << c.before << " " << c.now << " " << c.tolerance;
  }
}

TEST(Difference, TheFirstDifferentMemberIsNamedWithBothValues) {
  const Comparison found = json(R"({"a":{"b":[1,2,3]},"c":1})", R"({"a":{"b":[1,5,3]},"c":2})");
  EXPECT_EQ(found.sameness, Sameness::kDifferent);
  EXPECT_EQ(found.where, "a.b[1]");
  EXPECT_EQ(found.before, Json(2));
  EXPECT_EQ(found.now, Json(5));
  // What is beyond the tolerance is told, not what comes first.
  EXPECT_EQ(json("[1, 2]", "[1.001, 3]", 0.01).where, "[1]");
  EXPECT_EQ(json("[1, 2]", "[1.001, 2]", 0.01).sameness, Sameness::kWithinTolerance);
}

TEST(Difference, WhatOnlyOneHasIsADifference) {
  EXPECT_EQ(json(R"({"a":1})", R"({"a":1,"b":2})").where, "b");
  EXPECT_EQ(json(R"({"a":1,"b":2})", R"({"a":1})").where, "b");
  EXPECT_EQ(json("[1]", "[1,2]").where, ".length");
  EXPECT_EQ(json("[1]", "{}").sameness, Sameness::kDifferent);
  EXPECT_EQ(json("9007199254740993", "9007199254740992").sameness, Sameness::kDifferent);
}

TEST(Difference, BytesSayLineMemberOrOffset) {
  EXPECT_EQ(compare_bytes("same", "same", 0).sameness, Sameness::kBitEqual);
  EXPECT_EQ(compare_bytes("one\ntwo\nthree", "one\ntwo\nfour", 0).where, "line 3");
  EXPECT_EQ(compare_bytes("one\ntwo\nthree", "one\ntwo\nfour", 0).now, Json("four"));
  EXPECT_EQ(compare_bytes(R"({"w":[0.5]})", R"({"w":[0.25]})", 0).where, "w[0]");
  EXPECT_EQ(compare_bytes("{\"a\":1}", "{ \"a\": 1 }", 0).sameness, Sameness::kWithinTolerance);
  const Comparison bytes =
      compare_bytes(std::string_view("a\0b", 3), std::string_view("a\0c", 3), 1);
  EXPECT_EQ(bytes.where, "byte 2");
  EXPECT_EQ(bytes.before, Json("0x62 of 3 bytes"));
  EXPECT_EQ(compare_bytes(std::string_view("a\0b", 3), std::string_view("a\0", 2), 0).now,
            Json("the end, after 2 bytes"));
}

TEST(Difference, NamesOfAnotherRunAreReplaced) {
  EXPECT_EQ(renamed("run new-1 of new-1", {{"new-1", "old"}}), "run old of old");
}

}  // namespace
}  // namespace slipway::cli
