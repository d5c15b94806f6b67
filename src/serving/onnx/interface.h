// What a graph reads and gives, as a model's columns and tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/model.h"
#include "serving/onnx/proto.h"

namespace slipway::serving::onnx {

// kInvalidArgument: a type that no client can send, named.
Result<DataType> datatype_of(ElementType type);

// An input of the graph, and where its values come from.
struct GraphInput {
  std::string name;
  ElementType type = ElementType::kFloat;
  std::vector<std::int64_t> row_dims;  // without the rows; -1: any
  bool one_row = false;                // the graph takes one row at a time
  // Positions among the model's inputs: one column for each value of a row, or one tensor.
  std::vector<std::size_t> from;
};

struct Interface {
  std::vector<InputSpec> inputs;
  std::vector<GraphInput> graph;
};

// `signature` (null: none) as MLflow's onnx flavor understands it: named columns are the columns
// of a graph's only input, in their order, or inputs of the same names; tensors are inputs.
// Without one, an input of one value a row is a column, everything else a tensor.
// kInvalidArgument: they don't fit, and how.
Result<Interface> interface_of(const Graph& graph, const ModelShape* signature);

// Writes value `element` of rows [first, first + rows) to `out`, `step` apart, as a number of type
// T; a graph's booleans are any of them. kInvalidArgument: a whole number is missing.
template <typename T>
Result<void> read_numbers(const ModelCall& call, const Interface& interface,
                          const GraphInput& input, std::size_t element, std::size_t first,
                          std::size_t rows, T* out, std::size_t step = 1);
// Texts; a missing one is empty.
void read_texts(const ModelCall& call, const GraphInput& input, std::size_t element,
                std::size_t first, std::size_t rows, std::string_view* out, std::size_t step = 1);

}  // namespace slipway::serving::onnx
