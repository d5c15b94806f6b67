#include "monitor/drift/distributions.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
using Wide = __int128;

}  // namespace

double chi_square_survival(double statistic, std::int64_t degrees) {
  if (degrees <= 0 || std::isnan(statistic)) return kNone;
  if (std::isinf(statistic)) return 0;
  return boost::math::gamma_q(static_cast<double>(degrees) / 2, std::max(0.0, statistic) / 2);
}

double normal_survival(double z) { return std::erfc(z / std::numbers::sqrt2) / 2; }

double student_two_sided(double t, double degrees) {
  if (std::isnan(t) || degrees <= 0) return kNone;
  if (std::isinf(t)) return 0;
  return boost::math::ibeta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

double cramer_von_mises_survival(double w) {
  if (!(w > 0.003)) return std::isnan(w) ? kNone : 1;  // P(W <= 0.003) is below 2e-18
  constexpr double kPi = std::numbers::pi;
  constexpr int kNodes = 64;
  double sum = 0;
  for (int k = 1; k <= 200; ++k) {
    // The k-th integral of exp(-w s^2 / 2) / s * sqrt(s / -sin s) over ((2k-1) pi, 2k pi). With
    // s = (2k-1) pi + pi (1 - cos theta) / 2 its ends become smooth and even in theta, so that the
    // midpoint rule converges like a Fourier series.
    double integral = 0;
    for (int node = 0; node < kNodes; ++node) {
      const double theta = kPi * (node + 0.5) / kNodes;
      const double phase = kPi * (1 - std::cos(theta)) / 2;
      const double s = (2 * k - 1) * kPi + phase;
      integral += std::exp(-w * s * s / 2) / std::sqrt(s * std::sin(phase)) * std::sin(theta);
    }
    integral *= kPi / kNodes * kPi / 2;
    sum += k % 2 == 1 ? integral : -integral;
    if (integral < 1e-17 * sum) break;
  }
  return std::clamp(sum * 2 / kPi, 0.0, 1.0);
}

double cramer_von_mises_exact(std::int64_t four_u, std::int64_t m, std::int64_t n) {
  // A path that goes through the points (u, v) has the value: sum of (a v - b u)^2. As many paths
  // as there are orders of the values; each order is as likely as another.
  using Counts = std::vector<std::pair<std::int64_t, double>>;  // value -> paths, ascending
  const std::int64_t multiple = std::lcm(m, n);
  const std::int64_t a = multiple / m, b = multiple / n;
  const Wide mn = static_cast<Wide>(m) * n;
  const Wide top = static_cast<Wide>(multiple) * multiple * (m + n) *
                   (6 * static_cast<Wide>(four_u) - 4 * mn * (4 * mn - 1));
  const Wide bottom = 24 * mn * mn;
  const auto limit = static_cast<std::int64_t>(top >= 0 ? top / bottom : -1);
  const auto merged = [](const Counts& left, const Counts& right) {
    Counts out;
    out.reserve(left.size() + right.size());
    for (std::size_t i = 0, j = 0; i < left.size() || j < right.size();) {
      if (j == right.size() || (i < left.size() && left[i].first < right[j].first)) {
        out.push_back(left[i++]);
      } else if (i == left.size() || right[j].first < left[i].first) {
        out.push_back(right[j++]);
      } else {
        out.emplace_back(left[i].first, left[i].second + right[j].second);
        ++i, ++j;
      }
    }
    return out;
  };
  std::vector<Counts> row(static_cast<std::size_t>(m) + 1);
  row[0] = {{0, 1.0}};
  for (std::int64_t u = 0; u <= n; ++u) {
    Counts before;
    for (std::int64_t v = 0; v <= m; ++v) {
      Counts& cell = row[static_cast<std::size_t>(v)];
      cell = merged(before, cell);
      const std::int64_t step = a * v - b * u;
      for (auto& [value, paths] : cell) value += step * step;
      before = cell;
    }
  }
  double beyond = 0, all = 0;
  for (const auto& [value, paths] : row.back()) {
    all += paths;
    if (value >= limit) beyond += paths;
  }
  return beyond / all;
}

double mann_whitney_exact(double u, std::int64_t m, std::int64_t n) {
  if (m > n) std::swap(m, n);
  const std::int64_t most = m * n;
  const auto at = static_cast<std::int64_t>(std::floor(u));
  if (at < 0) return 0;
  if (at >= most) return 1;
  // The distribution is symmetric: the shorter tail is summed.
  const std::int64_t last = std::min(at, most - at - 1);
  if (last < 0) return at == most - at - 1 ? 0.5 : 1;
  // Coefficients of the Gaussian binomial: the product of (1 - q^(n+i)) / (1 - q^i).
  std::vector<double> ways(static_cast<std::size_t>(last) + 1, 0.0);
  ways[0] = 1;
  for (std::int64_t i = 1; i <= m; ++i) {
    for (std::int64_t k = last; k >= n + i; --k) {
      ways[static_cast<std::size_t>(k)] -= ways[static_cast<std::size_t>(k - n - i)];
    }
    for (std::int64_t k = i; k <= last; ++k) {
      ways[static_cast<std::size_t>(k)] += ways[static_cast<std::size_t>(k - i)];
    }
  }
  double all = 1;
  for (std::int64_t i = 1; i <= m; ++i) {
    all *= static_cast<double>(n + i) / static_cast<double>(i);
  }
  const double tail = std::accumulate(ways.begin(), ways.end(), 0.0) / all;
  return at == last ? tail : 1 - tail;
}

double log_factorial(double n) {
  if (n < 2) return 0;
  if (n < 20) {
    double product = 1;
    for (double i = 2; i <= n; ++i) product *= i;
    return std::log(product);
  }
  const double r = 1 / n;
  return n * std::log(n) - n + 0.5 * std::log(2 * std::numbers::pi * n) +
         r * (1.0 / 12 - r * r * (1.0 / 360 - r * r * (1.0 / 1260 - r * r / 1680)));
}

}  // namespace slipway::monitor
