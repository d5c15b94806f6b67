// How far the rows of a column, in the order they came, are from independent ones. Pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace slipway::monitor {

// How many times more the shares of the categories vary between stretches of consecutive rows, each
// a fifth of the sample, than they would if the rows were independent: a design effect. 1 or more;
// 1 for a single category, or more than 64.
//
// Fewer than 400 rows have too short stretches: then it is at least what neighbours
// say, (1 + r) / (1 - r) of first-order autoregressive rows (Bayley and Hammersley 1946) with their
// correlation r freed of its bias in small samples (Kendall 1954) and one standard error higher. So
// it is 1 or more there too, where nothing depends on anything: little is known of few rows.
//
// `codes` are the categories of the rows in order, below `categories`. The stretches overlap
// (blocks of a fortieth of the sample, eight in a row): what swings fast, as a day in a week, evens
// out within each, as it does in the whole. A jump at the sample's end is not told from a swing.
enum class Scale { kNominal, kOrdinal };  // of ordered ones neighbours are compared by their codes
double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories,
                    Scale scale = Scale::kNominal);

}  // namespace slipway::monitor
