// Every combination of the values of a space, in order. Pure.
#pragma once

#include "pipelines/search/space.h"

namespace slipway::pipelines {

// How many there are, of a space whose values can be counted; 2^63 when there are more.
std::uint64_t grid_size(const Space& space);

// Combination number `number`: the last dimension as written changes first.
Point grid_point(const Space& space, std::uint64_t number);

}  // namespace slipway::pipelines
