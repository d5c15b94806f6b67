// How far the rows of a column, in the order they came, are from independent ones. Pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace slipway::monitor {

// How many times more the shares of the categories vary between stretches of consecutive rows, each
// a fifth of the sample, than they would if the rows were independent: a design effect. 1 or more;
// 1 for fewer than 80 rows, a single category, or more than 64.
//
// `codes` are the categories of the rows in order, below `categories`. The stretches overlap
// (blocks of a fortieth of the sample, eight in a row): what swings fast, as a day in a week, evens
// out within each, as it does in the whole. A jump at the sample's end is not told from a swing.
double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories);

}  // namespace slipway::monitor
