// Sorts numbers by their bits.
#pragma once

#include <vector>

namespace slipway::monitor {

// Ascending, in linear time: passes over the digits of the numbers' bits, those that don't differ
// left out. No value may be NaN. Needs as much memory again.
void radix_sort(std::vector<double>& values);

}  // namespace slipway::monitor
