// What a monitor's model is asked for, and so which labels tell how it did. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::monitor {

// Of kMulticlass. A model of more of them is watched with those that matter named.
constexpr std::size_t kClassesMax = 200;

enum class Problem {
  kBinary,      // the chance of a 1; a label is from 0 to 1
  kRegression,  // a number; a label is any finite one
  kMulticlass,  // one of several classes, or the chance of each; a label names one
  kRanking,     // a score within a group; a label is a relevance, from 0 on
};
std::string_view problem_name(Problem problem);        // "binary", "regression", ...
Result<Problem> parse_problem(std::string_view name);  // kInvalidArgument listing them

struct ProblemRules {
  Problem kind = Problem::kBinary;
  std::vector<std::string> classes;  // of kMulticlass, in the order of the chances; empty: all that
                                     // occur, chances named by their places: 0, 1...
  std::string group;  // of kRanking: the column that names the group; empty: rows of one request
  bool operator==(const ProblemRules&) const = default;
};

// What is known about a request: a number, a class, or neither when its outcome will never be
// known (a cancelled flight); it counts for completeness then, and for nothing else.
struct KnownLabel {
  KnownLabel() = default;
  KnownLabel(std::optional<double> number) : value(number) {}  // NOLINT: reads as what it is
  KnownLabel(double number) : value(number) {}                 // NOLINT

  std::optional<double> value;
  std::string class_name;
  base::Timestamp arrival;  // of the first that came
};
// By request id.
using Labels = std::unordered_map<std::string, KnownLabel>;

// Why it is no label of this problem, in words; nothing when it is one, or will never be known.
std::optional<std::string> find_fault(const ProblemRules& rules, const KnownLabel& label);

// The class that a text or a whole number stands for: its own name, or the declared one of that
// place. Nothing when it isn't declared.
std::optional<std::string> class_of(const ProblemRules& rules, std::string_view name);
std::optional<std::string> class_of(const ProblemRules& rules, double id);
std::optional<std::string> class_of(const ProblemRules& rules, const KnownLabel& label);

}  // namespace slipway::monitor
