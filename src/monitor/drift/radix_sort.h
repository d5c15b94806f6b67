// Sorts numbers by their bits.
#pragma once

#include <span>
#include <vector>

namespace slipway::monitor {

// The values ascending: passes over the upper digits of the numbers' bits, those that don't differ
// left out, then a look at the few that differ below them only. No value may be NaN.
std::vector<double> radix_sorted(std::span<const double> values);

}  // namespace slipway::monitor
