// The functions and operators of expressions: what they are called, take and give.
// docs/formats/expressions.md has them all, with examples that a test runs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "features/expression_nodes.h"

namespace slipway::features {

// What is wrong with a call, and with which argument.
struct Misuse {
  std::size_t argument;
  std::string what;
  NodePtr instead = nullptr;  // what it means all the same; it is refused only where it is declared
};

struct Function {
  std::vector<ValueType> parameters;
  ValueType result;
  // The arguments fit the parameters.
  std::function<std::variant<NodePtr, Misuse>(const std::vector<Typed>&)> make;
};

// Several functions of one name take different arguments.
using Functions = std::multimap<std::string, Function, std::less<>>;

// Operators among them are called as they are written.
const Functions& functions();

// Forms that look like calls: any number of arguments, or missing ones.
inline constexpr std::string_view kForms[] = {"if", "coalesce", "is_null", "concat"};

// The parts, texts, one after the other.
NodePtr concat_of(std::vector<NodePtr> parts);

// Each file adds its own.
void add_number_functions(Functions& all);
void add_text_functions(Functions& all);
void add_time_functions(Functions& all);

inline std::vector<NodePtr> nodes_of(const std::vector<Typed>& arguments, std::size_t count) {
  std::vector<NodePtr> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back(arguments[i].node);
  return nodes;
}

// A call of `function` with the first of `arguments`, as many as it takes.
template <typename F>
NodePtr call_of(F function, const std::vector<Typed>& arguments) {
  const auto make = [&]<typename Result, typename... Parameters>(
                        const std::function<Result(Parameters...)>&) -> NodePtr {
    return std::make_shared<Call<F, Result, Parameters...>>(
        function, nodes_of(arguments, sizeof...(Parameters)));
  };
  return make(std::function(function));
}

// Parameters and result are those of the C++ function.
template <typename F>
void add(Functions& all, std::string name, F function) {
  const auto describe = [&]<typename Result, typename... Parameters>(
                            const std::function<Result(Parameters...)>&) -> Function {
    return {{Meaning<Parameters>::type...},
            Meaning<Result>::type,
            [function](const std::vector<Typed>& arguments) -> std::variant<NodePtr, Misuse> {
              return call_of(function, arguments);
            }};
  };
  all.emplace(std::move(name), describe(std::function(function)));
}

}  // namespace slipway::features
