// How far apart two samples of numbers are, by their distribution functions. Pure functions; both
// samples sorted ascending, NaN when one is empty.
#pragma once

#include <span>

namespace slipway::monitor {

// First Wasserstein distance (earth mover's) in the column's own unit.
double wasserstein_distance(std::span<const double> reference, std::span<const double> current);
// The same divided by the reference's population standard deviation (at least 0.001): Evidently's
// and Azure's form.
double normalized_wasserstein(std::span<const double> reference, std::span<const double> current);

// Energy distance as scipy has it: the root of twice the integral of the squared difference. It
// has the root of the column's unit, so its size says nothing across columns.
double energy_distance(std::span<const double> reference, std::span<const double> current);

}  // namespace slipway::monitor
