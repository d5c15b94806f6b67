// Mean and spread of a sample. Pure functions.
#pragma once

#include <span>

namespace slipway::monitor {

struct Moments {
  double mean = 0;
  double squares = 0;  // sum of the squared differences from the mean
};
// NaN for an empty sample.
Moments moments_of(std::span<const double> values);

// Standard deviation with n in the denominator; NaN for an empty sample.
double population_deviation(std::span<const double> values);

}  // namespace slipway::monitor
