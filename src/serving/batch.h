// What a request brings: named columns of cells, as they were sent.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "serving/tensor.h"

namespace slipway::serving {

// One cell: missing, a number (booleans are 0 and 1), or a text. Texts point into the request's
// body.
using Cell = std::variant<std::monostate, double, std::string_view>;

// A value that was looked up; outlives the request.
using FeatureValue = std::variant<std::monostate, double, std::string>;

// Rows as columns, and as tensors where a row of an input is more than one value. A value of views,
// valid while the request's body is.
struct Batch {
  std::size_t rows = 0;
  std::vector<std::string_view> names;
  std::vector<Cell> cells;      // column after column: names.size() * rows
  std::vector<Tensor> tensors;  // `rows` rows each

  // Position of a column; nothing when there is none. `likely`: where it usually is.
  std::optional<std::size_t> find(std::string_view name, std::size_t likely = 0) const {
    if (likely < names.size() && names[likely] == name) return likely;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return i;
    }
    return std::nullopt;
  }
  const Cell& cell(std::size_t column, std::size_t row) const { return cells[column * rows + row]; }
};

}  // namespace slipway::serving
