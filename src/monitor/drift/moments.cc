#include "monitor/drift/moments.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {

Moments moments_of(std::span<const double> values) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) return {kNone, kNone};
  // Four sums side by side: no addition waits for the one before, and less rounding adds up.
  const auto sum = [&](auto&& of) {
    double parts[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= values.size(); i += 4) {
      for (std::size_t k = 0; k < 4; ++k) parts[k] += of(values[i + k]);
    }
    for (; i < values.size(); ++i) parts[0] += of(values[i]);
    return (parts[0] + parts[1]) + (parts[2] + parts[3]);
  };
  Moments moments;
  moments.mean = sum([](double value) { return value; }) / static_cast<double>(values.size());
  moments.squares =
      sum([mean = moments.mean](double value) { return (value - mean) * (value - mean); });
  return moments;
}

double population_deviation(std::span<const double> values) {
  return std::sqrt(moments_of(values).squares / static_cast<double>(values.size()));
}

}  // namespace slipway::monitor
