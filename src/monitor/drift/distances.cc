#include "monitor/drift/distances.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/drift/moments.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double wasserstein_distance(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNone;
  const double step = 1 / static_cast<double>(reference.size());
  const auto n = static_cast<double>(current.size());
  double sum = 0;
  double before = std::min(reference[0], current[0]);
  std::size_t i = 0;
  // One current value after the other; the run of reference values up to it in a loop without
  // branches.
  for (std::size_t j = 0; j <= current.size(); ++j) {
    const double level = static_cast<double>(j) / n;
    const std::size_t end =
        j == current.size()
            ? reference.size()
            : static_cast<std::size_t>(
                  std::upper_bound(reference.begin() + static_cast<std::ptrdiff_t>(i),
                                   reference.end(), current[j]) -
                  reference.begin());
    for (; i < end; ++i) {
      sum += std::abs(static_cast<double>(i) * step - level) * (reference[i] - before);
      before = reference[i];
    }
    if (j == current.size()) break;
    sum += std::abs(static_cast<double>(i) * step - level) * (current[j] - before);
    before = current[j];
  }
  return sum;
}

double normalized_wasserstein(std::span<const double> reference, std::span<const double> current) {
  return wasserstein_distance(reference, current) /
         std::max(population_deviation(reference), 0.001);
}

double energy_distance(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNone;
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  double sum = 0, before = std::min(reference[0], current[0]);
  for (std::size_t i = 0, j = 0; i < reference.size() || j < current.size();) {
    const bool first = j == current.size() || (i < reference.size() && reference[i] <= current[j]);
    const double here = first ? reference[i] : current[j];
    const double difference = static_cast<double>(i) / m - static_cast<double>(j) / n;
    sum += difference * difference * (here - before);
    before = here;
    ++(first ? i : j);
  }
  return std::sqrt(2 * sum);
}

}  // namespace slipway::monitor
