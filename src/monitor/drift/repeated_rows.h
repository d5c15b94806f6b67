// Rows that are there twice, by a hash over their cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "types/frame.h"

namespace slipway::monitor {

// What a row's cell adds to its hash; `place` is the column's among all. A gap is a gap, and a zero
// a zero. Sums don't depend on the order in which columns come.
std::uint64_t cell_hash(const types::Column& column, std::size_t place, std::size_t row);

// Rows that came before already, by their hashes.
std::int64_t repeated_rows(std::vector<std::uint64_t> hashes);

}  // namespace slipway::monitor
