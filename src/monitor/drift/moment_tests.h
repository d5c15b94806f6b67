// Tests of two samples of numbers by sums over their values. Pure functions.
#pragma once

#include <span>

namespace slipway::monitor {

struct MomentTest {
  double statistic = 0;
  double p_value = 1;
};

enum class Variances { kEqual, kAny };
// Student's t test of equal means (kEqual), or Welch's; two-sided. NaN with fewer than two values a
// side, or when nothing varies and the means agree.
MomentTest t_test(std::span<const double> reference, std::span<const double> current,
                  Variances variances = Variances::kEqual);

// Epps and Singleton's test by the characteristic functions at 0.4 and 0.8 per half interquartile
// range. Both samples sorted ascending. NaN with fewer than five values a side, or when the middle
// half of all values is one value.
MomentTest epps_singleton(std::span<const double> reference, std::span<const double> current);

}  // namespace slipway::monitor
