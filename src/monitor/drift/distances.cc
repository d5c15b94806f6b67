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
  const std::size_t m = reference.size(), n = current.size();
  const double step = 1 / static_cast<double>(m), step_now = 1 / static_cast<double>(n);
  double sum = 0, before = std::min(reference[0], current[0]);
  std::size_t i = 0, j = 0;
  // Both samples in one order; which comes next can't be foretold, so nothing branches on it.
  while (i < m && j < n) {
    const double a = reference[i], b = current[j];
    const bool first = a <= b;
    const double here = first ? a : b;
    sum += std::abs(static_cast<double>(i) * step - static_cast<double>(j) * step_now) *
           (here - before);
    before = here;
    i += first;
    j += !first;
  }
  for (; i < m; ++i) {
    sum += (1 - static_cast<double>(i) * step) * (reference[i] - before);
    before = reference[i];
  }
  for (; j < n; ++j) {
    sum += (1 - static_cast<double>(j) * step_now) * (current[j] - before);
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
