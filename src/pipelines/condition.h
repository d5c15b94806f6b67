// What a step's `when` says: comparisons of parameters, of what earlier steps wrote, and of how the
// run stands. Pure.
//
//   {country} == 'US' and {evaluate/metrics.json#auc.test} >= 0.7
//
//   condition  := all ("or" all)*        all := one ("and" one)*
//   one        := "not" one | "(" condition ")" | operand order operand
//   order      := "==" | "!=" | "<" | "<=" | ">" | ">=" | "is"
//   operand    := number | 'text' | "text" | true | false | reference
//   reference  := "{" parameter "}" | "{" step "/" file ["#" member ("." member)*] "}" |
//                 "{run.state}"
//
// Texts that both read as numbers are compared as numbers; not by "is", to which '1.0' isn't '1'.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::pipelines {

struct ConditionOperand {
  enum class Kind { kLiteral, kParameter, kOutput, kRunState };
  Kind kind = Kind::kLiteral;
  std::string text;    // the literal; as written, with braces, of what is referred to
  std::string name;    // of the parameter or step
  std::string file;    // below the step's outputs
  std::string member;  // of the file's JSON, "a.b"; empty: the file's text

  bool operator==(const ConditionOperand&) const = default;
};

// Where the values come from that a condition refers to.
struct ConditionSources {
  const std::map<std::string, std::string>& params;  // all that are referred to
  std::function<Result<std::string>(const ConditionOperand&)> output;
  std::function<Result<std::string>()> run_state;
};

// A value.
class Condition {
 public:
  // kInvalidArgument with the position (from 1) of what can't be read.
  static Result<Condition> parse(std::string_view text);

  // What it refers to, each as often as written.
  std::vector<ConditionOperand> references() const;

  struct Outcome {
    bool holds = false;
    std::string why;  // the comparisons that were made, with their values
  };
  // kFailedPrecondition: an order of things that aren't numbers; else what the sources say. What
  // `and` and `or` don't need is not asked for.
  Result<Outcome> evaluate(const ConditionSources& sources) const;

  bool operator==(const Condition&) const = default;

 private:
  friend class ConditionParser;
  enum class Kind : std::uint8_t { kAnd, kOr, kNot, kCompare };
  enum class Order : std::uint8_t { kEqual, kUnequal, kLess, kLessEqual, kMore, kMoreEqual, kIs };
  struct Node {
    Kind kind = Kind::kCompare;
    Order order = Order::kEqual;
    std::size_t left = 0, right = 0;  // of nodes_; of operands_ for kCompare; kNot has `left` alone
    bool operator==(const Node&) const = default;
  };
  Result<bool> holds(std::size_t node, const ConditionSources& sources, std::string& why) const;
  Result<bool> compare(const Node& node, const ConditionSources& sources, std::string& why) const;

  std::vector<Node> nodes_;  // each behind those it has
  std::vector<ConditionOperand> operands_;
};

// A reference in braces, as in a condition, and nothing else. kInvalidArgument: it is none.
Result<ConditionOperand> parse_reference(std::string_view text);

// The text at `member` ("a.b") of a JSON document; numbers and truth values as JSON writes them.
// kNotFound: no such member. kInvalidArgument: no JSON, or what is there is a list, object or null.
Result<std::string> json_value(std::string_view document, std::string_view member);

}  // namespace slipway::pipelines
