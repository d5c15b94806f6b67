// How far the rows of a column, in the order they came, are from independent ones. Pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace slipway::monitor {

// Blocks of consecutive rows that the inflation is measured over.
inline constexpr std::size_t kDependenceBlocks = 20;

// How many times more the shares of the categories vary between blocks of consecutive rows than
// they would if the rows were independent: the chi-square of blocks by categories over its degrees
// of freedom (a design effect). 1 or more; 1 for fewer than 5 rows a block, or a single category.
//
// `codes` are the categories of the rows in order, below `categories`. Seasons and slow swings
// shorter than the sample are seen; a jump at its end is not told from them.
double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories);

}  // namespace slipway::monitor
