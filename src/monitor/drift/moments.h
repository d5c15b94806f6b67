// Mean and spread of a sample. Pure functions.
#pragma once

#include <span>

namespace slipway::monitor {

struct Moments {
  double mean = 0;
  double squares = 0;  // sum of the squared differences from the mean
};
// Of values in ascending order. NaN for an empty sample; of a constant exactly the constant and 0.
Moments moments_of(std::span<const double> sorted);

// Standard deviation with n in the denominator; NaN for an empty sample.
double population_deviation(std::span<const double> sorted);

}  // namespace slipway::monitor
