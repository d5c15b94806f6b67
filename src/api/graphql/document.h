// A GraphQL document as a tree: https://spec.graphql.org/October2021/#sec-Language without type
// definitions. Plain values and one pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::api::graphql {

struct Argument;
using Arguments = std::vector<Argument>;

// A value as it is written: `$name`, a list or an object that may hold such, or a literal. The
// names of enums are text.
struct Value {
  enum class Kind { kVariable, kLiteral, kList, kObject };
  Kind kind = Kind::kLiteral;
  std::string variable;
  Json literal;
  std::vector<Value> items;
  Arguments members;
};
struct Argument {
  std::string name;
  Value value;
};

struct Directive {
  std::string name;
  Arguments arguments;
};

struct Selection {
  enum class Kind { kField, kSpread, kInline };
  Kind kind = Kind::kField;
  std::string name;   // of the field, or of the fragment that is spread
  std::string alias;  // empty: none
  std::string on;     // kInline: only for objects of this type; empty: all
  Arguments arguments;
  std::vector<Directive> directives;
  std::vector<Selection> selections;  // none: a leaf
};

struct Variable {
  std::string name;
  bool required = false;  // its type ends in '!'
  std::optional<Value> fallback;
};

struct Operation {
  enum class Kind { kQuery, kMutation, kSubscription };
  Kind kind = Kind::kQuery;
  std::string name;
  std::vector<Variable> variables;
  std::vector<Selection> selections;
};

struct Fragment {
  std::string name, on;
  std::vector<Selection> selections;
};

struct Document {
  std::vector<Operation> operations;
  std::vector<Fragment> fragments;
};

// Deeper nesting of selections, lists or objects is refused.
inline constexpr int kNestingMax = 64;

// kInvalidArgument with line and column.
Result<Document> parse_document(std::string_view text);

}  // namespace slipway::api::graphql
