// From a graph to a program: what is known when a model is loaded is settled here.
#pragma once

#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/onnx/program.h"
#include "serving/onnx/proto.h"

namespace slipway::serving::onnx {

// The dimension that is the rows of a request; at most one of a value's.
inline constexpr std::int64_t kRows = -1;
// What the rows are in a tensor that holds a shape.
inline constexpr std::int64_t kRowCount = std::numeric_limits<std::int64_t>::min();

// Of one model, over all its values.
inline constexpr std::size_t kColumnsMax = 1 << 24;

struct Operator;

// What a name of the graph stands for. Each position of its other dimensions (row-major) is a
// column: a register, or the position of a constant. So whatever only arranges values
// (Concat, Reshape, Gather...) costs nothing when rows come.
struct Value {
  ElementType type = ElementType::kUndefined;
  std::vector<std::int64_t> dims;
  std::vector<std::uint32_t> columns;
  bool is_constant = false;
};

std::string_view element_name(ElementType type);
// Only columns of these types are calculated with.
bool is_known(ElementType type);
// How many columns: the product of the dimensions but for the rows.
std::size_t column_count(std::span<const std::int64_t> dims);
// Where the rows are among the dimensions; nothing: nowhere.
std::optional<std::size_t> row_axis(const Value& value);

// Calls `act` with an example of what values of `type` are kept as.
template <typename Act>
auto with_type(ElementType type, Act act) {
  if (type == ElementType::kFloat) return act(float{});
  if (type == ElementType::kDouble) return act(double{});
  if (type == ElementType::kString) return act(std::string_view{});
  return act(std::int64_t{});
}

// The nodes that the graph's outputs need, in its order. kResourceExhausted: a graph of too many.
Result<std::vector<const Node*>> needed_nodes(const Graph& graph);

// One at a time. What operators need to turn a node into steps.
class Compiler {
 public:
  // New registers, side by side. kResourceExhausted: more than a model may have.
  Result<std::vector<Register>> registers(ElementType type, std::size_t count);
  template <typename Step>
  void add(Step step, std::size_t bytes = 0) {
    program_.steps.emplace_back(std::move(step));
    program_.bytes += bytes + sizeof(Step);
  }
  // What several steps read; it counts once.
  template <typename T>
  std::shared_ptr<const std::vector<T>> share(std::vector<T> values) {
    program_.bytes += values.size() * sizeof(T);
    return std::make_shared<const std::vector<T>>(std::move(values));
  }
  // Stays as long as the program.
  std::string_view keep(std::string text);

  // A text that the register may hold, where some texts are refused.
  void expect_text(Register at, std::string_view text) { expected_.try_emplace(at, text); }
  std::string_view expected_text(Register at) const {
    const auto found = expected_.find(at);
    return found == expected_.end() ? std::string_view() : found->second;
  }

  Result<Value> constant(const Tensor& tensor);
  template <typename T>
  Value constant(ElementType type, std::vector<std::int64_t> dims, const std::vector<T>& values) {
    Value value{.type = type, .dims = std::move(dims), .columns = {}, .is_constant = true};
    auto& pool = std::get<std::vector<T>>(constants_);
    for (const T& one : values) {
      value.columns.push_back(static_cast<std::uint32_t>(pool.size()));
      pool.push_back(one);
    }
    return value;
  }
  template <typename T>
  T constant_at(const Value& value, std::size_t column) const {
    return std::get<std::vector<T>>(constants_)[value.columns[column]];
  }
  template <typename T>
  std::vector<T> constants(const Value& value) const {
    std::vector<T> values;
    values.reserve(value.columns.size());
    for (std::size_t c = 0; c < value.columns.size(); ++c)
      values.push_back(constant_at<T>(value, c));
    return values;
  }
  // kInvalidArgument: the number of rows (Shape) is among the values, where they are calculated
  // with.
  Result<void> expect_values(const Value& value) const;
  // The same values in registers.
  Result<Value> in_registers(const Value& value);

  // Translates the nodes that the graph's outputs need; `values` are the graph's inputs by name,
  // and become everything that has a name. kInvalidArgument: an operator, or a use of one, that is
  // not known here, named. kCorruption: no graph.
  Result<void> compile(const Model& model, std::map<std::string, Value, std::less<>>& values);

  Program take();

 private:
  Result<std::vector<Value>> translate(const Node& node, std::int64_t opset,
                                       const std::vector<const Value*>& inputs);
  // Runs an operator whose inputs are all known.
  Result<std::vector<Value>> fold(const Operator& known, const Node& node, std::int64_t opset,
                                  const std::vector<const Value*>& inputs);

  Program program_;
  std::tuple<std::vector<float>, std::vector<double>, std::vector<std::int64_t>,
             std::vector<std::string_view>>
      constants_;
  std::deque<std::string> texts_;
  std::map<Register, std::string_view> expected_;
  std::size_t folded_ = 0;
};

}  // namespace slipway::serving::onnx
