#include "monitor/drift/moments.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {

Moments moments_of(std::span<const double> sorted) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (sorted.empty()) return {kNone, kNone};
  // The mean that is computed may be off by rounding, which a test would take for a difference.
  if (sorted.front() == sorted.back()) return {sorted.front(), 0};
  // Four sums side by side: no addition waits for the one before, and less rounding adds up.
  const auto sum = [&](auto&& of) {
    double parts[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= sorted.size(); i += 4) {
      for (std::size_t k = 0; k < 4; ++k) parts[k] += of(sorted[i + k]);
    }
    for (; i < sorted.size(); ++i) parts[0] += of(sorted[i]);
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
  };
  Moments moments;
  moments.mean = sum([](double value) { return value; }) / static_cast<double>(sorted.size());
  moments.squares =
      sum([mean = moments.mean](double value) { return (value - mean) * (value - mean); });
  return moments;
}

double population_deviation(std::span<const double> sorted) {
  return std::sqrt(moments_of(sorted).squares / static_cast<double>(sorted.size()));
}

}  // namespace slipway::monitor
