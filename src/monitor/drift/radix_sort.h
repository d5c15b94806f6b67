// Sorts numbers by their bits.
#pragma once

#include <span>
#include <vector>

namespace slipway::monitor {

// The values ascending, in linear time: passes over the digits of the numbers' bits, those that
// don't differ left out. No value may be NaN.
std::vector<double> radix_sorted(std::span<const double> values);

}  // namespace slipway::monitor
