// The operators that are known here, each as a function from a node to steps.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/onnx/compiler.h"

namespace slipway::serving::onnx {

// A node that is being translated.
struct Call {
  Compiler& compiler;
  const Node& node;
  std::int64_t opset;                // of the node's domain
  std::vector<const Value*> inputs;  // null: left out

  bool has(std::size_t input) const { return input < inputs.size() && inputs[input] != nullptr; }
  // kCorruption: fewer inputs than that.
  Result<void> expect_inputs(std::size_t least) const;
  // The first input is there, and in registers.
  Result<void> expect_calculated() const;
  const Value& input(std::size_t at) const { return *inputs[at]; }

  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  double number(std::string_view name, double otherwise) const;
  std::string_view text(std::string_view name, std::string_view otherwise) const;
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<float> numbers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<std::string_view> kept_texts(std::string_view name) const;  // with the program
  // An attribute that became input `at` in later versions. Empty: neither is there.
  Result<std::optional<std::vector<std::int64_t>>> integers(std::string_view name,
                                                            std::size_t at) const;
  // The dimension that `axis` means, of `rank`; negative ones count from the end.
  Result<std::size_t> axis(std::int64_t axis, std::size_t rank) const;
  Result<std::vector<std::size_t>> axes(std::span<const std::int64_t> axes, std::size_t rank) const;
  // A constant of floats.
  double constant_number(const Value& value, std::size_t column) const;

  // The operator is not known to be used like this; ONNX Runtime may know.
  Error unsupported(std::string_view what) const;
  Error broken(std::string_view what) const;
};

using Values = std::vector<Value>;

struct Operator {
  std::string_view domain, name;
  Result<Values> (*translate)(const Call& call);
  // Only arranges columns, so it takes constants as they are.
  bool arranges = false;
};

// kInvalidArgument: not known here.
Result<const Operator*> operator_of(const Node& node);

// By what they do: arrange.cc, elementwise.cc, reduce.cc, learned.cc, vector_machine.cc.
std::span<const Operator> arranging_operators();
std::span<const Operator> elementwise_operators();
std::span<const Operator> reducing_operators();
std::span<const Operator> learned_operators();
std::span<const Operator> vector_machines();

// ---- what they have in common

inline bool is_float(ElementType type) {
  return type == ElementType::kFloat || type == ElementType::kDouble;
}
inline bool is_whole(ElementType type) {
  return type == ElementType::kInt64 || type == ElementType::kInt32;
}
// Of a dimension, in columns.
inline std::size_t extent(std::int64_t dim) {
  return dim == kRows ? 1 : static_cast<std::size_t>(dim);
}

// What an operator with a single output makes.
Values one(Value value);

// How values of several shapes meet: the shape of all, and by operand and column of it, the
// operand's column. kInvalidArgument: they don't.
struct Meeting {
  std::vector<std::int64_t> dims;
  std::vector<std::vector<std::uint32_t>> columns;
};
Result<Meeting> meet(const Call& call, std::span<const Value* const> operands);

// Value by value, of the same type.
Result<Value> sum_of(const Call& call, const Value& a, const Value& b);

// The same values as another type, in registers.
Result<Value> converted(const Call& call, const Value& value, ElementType type);

// A matrix of [rows, features] as float (or double) registers, whatever it was.
struct Matrix {
  Value value;
  std::size_t features = 0;
};
Result<Matrix> matrix_of(const Call& call, const Value& value, ElementType type);

// out[m] = bias[m] + sum over k of in[k] * weights[m * in.size() + k].
template <typename T>
void add_linear(Compiler& compiler, std::vector<Register> in,
                std::shared_ptr<const std::vector<T>> weights, std::vector<T> bias,
                std::vector<Register> out);

// The label of each row's class, by the register that holds its position; texts where there are
// any.
Result<Value> labels_of(const Call& call, Register chosen, std::vector<std::int64_t> integers,
                        std::vector<std::string_view> texts);

// Softmax of each group of columns, in place.
template <typename T>
void add_softmax(Compiler& compiler, std::vector<std::vector<Register>> groups, bool logarithm);

}  // namespace slipway::serving::onnx
