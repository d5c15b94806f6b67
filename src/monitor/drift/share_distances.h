// How far apart two lists of counts are, per bin or category in the same order on both sides. Pure
// functions; NaN when a side counts nothing.
#pragma once

#include <span>

namespace slipway::monitor {

// What stands for a share of zero, whose logarithm doesn't exist.
enum class ZeroShare {
  kFloor,      // every share is at least 0.0001
  kEvidently,  // zero becomes 0.0001, or a millionth of that side's smallest share when that is at
               // most 0.0001
};
// Population stability index: sum of (current - reference) * ln(current / reference) over shares.
// 0.1 is commonly read as a shift worth a look, 0.25 as a large one.
double population_stability_index(std::span<const double> reference,
                                  std::span<const double> current,
                                  ZeroShare zero = ZeroShare::kFloor);
// Kullback-Leibler divergence of the reference from the current shares, in nats, over shares that
// add up to 1 again after zeros were filled.
double kullback_leibler_divergence(std::span<const double> reference,
                                   std::span<const double> current,
                                   ZeroShare zero = ZeroShare::kEvidently);
// Jensen-Shannon distance: square root of the divergence in nats, at most 0.8326.
double jensen_shannon_distance(std::span<const double> reference, std::span<const double> current);
// Largest difference of a share.
double l_infinity_distance(std::span<const double> reference, std::span<const double> current);
// Half the sum of the differences of the shares: how many rows would have to change.
double total_variation_distance(std::span<const double> reference, std::span<const double> current);
double hellinger_distance(std::span<const double> reference, std::span<const double> current);

}  // namespace slipway::monitor
