// Where two values, or two files, are not the same. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/json.h"

namespace slipway::cli {

enum class Sameness { kBitEqual, kWithinTolerance, kDifferent };

// "bit-equal", "within tolerance", "different".
std::string_view sameness_word(Sameness sameness);

struct Comparison {
  Sameness sameness = Sameness::kBitEqual;
  std::string where;  // the first place that is not the same: "trees[3].weights[0]", "line 7"
  Json before, now;   // what is there

  // The more different of both; of two alike the place that was found first.
  void add(const Comparison& other);
  // {"state"}, and unless it is bit-equal {"where","before","now"}.
  JsonObject to_json() const;
};

// `tolerance` is relative to the larger of two numbers. NaN equals NaN.
Comparison compare_numbers(double before, double now, double tolerance);

// Member by member; numbers as numbers. What only one of them has is a difference.
Comparison compare_json(const Json& before, const Json& now, double tolerance);

// Bytes: those of JSON by member, of a text by line, of anything else by byte. What is the same
// bytes is bit-equal; other bytes that mean the same JSON are within tolerance.
Comparison compare_bytes(std::string_view before, std::string_view now, double tolerance);

// `text` with names in it replaced: what a run calls itself, by what another one did.
std::string renamed(std::string text, const std::map<std::string, std::string>& names);

}  // namespace slipway::cli
