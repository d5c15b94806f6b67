// The first calls of a model that was just loaded.
#pragma once

#include "serving/model.h"

namespace slipway::serving {

std::size_t values_per_row(const InputSpec& input);  // a size that may be any counts as 1

// The first real request should not be the one that faults the pages in. Gives what a row costs: of
// a few rows of missing values and zeros, the fastest of some tries. A model need not take those;
// then it is infinite.
double warm_up(const Model& model);

// What a call with so many of them takes, in microseconds: the fastest of some tries. Infinite: as
// above.
double fastest_call_us(const Model& model, std::size_t rows);

}  // namespace slipway::serving
