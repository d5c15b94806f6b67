#include "monitor/drift/draws.h"

#include <algorithm>
#include <cmath>

#include "monitor/drift/distributions.h"

namespace slipway::monitor {

std::uint64_t Draws::next() {
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double Draws::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Draws::hypergeometric(double good, double bad, double wanted) {
  const double lowest = std::max(0.0, wanted - bad), highest = std::min(good, wanted);
  if (lowest >= highest) return lowest;
  const double mode =
      std::clamp(std::floor((good + 1) * (wanted + 1) / (good + bad + 2)), lowest, highest);
  const auto choose = [](double n, double k) {
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
  };
  const auto up = [&](double x) {
    return (good - x) * (wanted - x) / ((x + 1) * (bad - wanted + x + 1));
  };
  double left = mode, right = mode;
  double of_left =
      std::exp(choose(good, mode) + choose(bad, wanted - mode) - choose(good + bad, wanted));
  double of_right = of_left;
  double rest = uniform() - of_left;
  while (rest > 0) {
    if (right < highest) {
      of_right *= up(right++);
      if ((rest -= of_right) <= 0) return right;
    }
    if (left > lowest) {
      of_left /= up(--left);
      if ((rest -= of_left) <= 0) return left;
    }
    // Rounding may leave a little that no value answers for.
    if ((right >= highest || of_right <= 0) && (left <= lowest || of_left <= 0)) return mode;
  }
  return mode;
}

std::vector<std::size_t> rows_drawn(std::size_t rows, std::size_t most, std::uint64_t seed) {
  std::vector<std::size_t> drawn;
  drawn.reserve(std::min(rows, most));
  Draws draws(seed);
  for (std::size_t row = 0; row < rows && drawn.size() < most; ++row) {
    // Wanted still of those that are left.
    const double chance =
        static_cast<double>(most - drawn.size()) / static_cast<double>(rows - row);
    if (rows <= most || draws.uniform() < chance) drawn.push_back(row);
  }
  return drawn;
}

}  // namespace slipway::monitor
