// Inputs as small numbers, and the conditions that may be asked of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/slices/slice.h"
#include "types/frame.h"

namespace slipway::monitor {

// One input. Its rows fall into cells: 0 for missing values, then bins in their order, or values.
struct EncodedInput {
  // A condition holds for the rows of cells first..last.
  struct Condition {
    Predicate predicate;
    std::size_t first = 0, last = 0;
  };
  std::vector<std::uint8_t> cells;  // by row
  std::size_t cell_count = 1;
  std::vector<Condition> conditions;
};

// Nothing for times, and for columns that nothing can be asked of. `rows_min`: a value of a text
// counts from so many rows on.
std::optional<EncodedInput> encode_input(const types::Column& column,
                                         const std::vector<std::size_t>& rows,
                                         std::int64_t rows_min);

// Whether `row` of the column, which may be null (all missing), holds it.
bool holds(const Predicate& predicate, const types::Column* column, std::size_t row);

}  // namespace slipway::monitor
