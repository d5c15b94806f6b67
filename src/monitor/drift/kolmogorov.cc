#include "monitor/drift/kolmogorov.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "monitor/drift/distributions.h"

namespace slipway::monitor {
namespace {

// log(n! / n^n): Stirling's series where the direct difference would cancel.
double log_factorial_over_power(double n) {
  if (n < 20) return log_factorial(n) - n * std::log(n);
  const double r = 1 / n;
  return -n + 0.5 * std::log(2 * std::numbers::pi * n) +
         r * (1.0 / 12 - r * r * (1.0 / 360 - r * r * (1.0 / 1260 - r * r / 1680)));
}

// A square matrix times 10^exponent, so that powers neither overflow nor vanish.
struct Scaled {
  std::size_t size;
  std::vector<double> cells;
  int exponent = 0;

  double& at(std::size_t i, std::size_t j) { return cells[i * size + j]; }
  double at(std::size_t i, std::size_t j) const { return cells[i * size + j]; }
};

Scaled multiply(const Scaled& a, const Scaled& b) {
  Scaled c{a.size, std::vector<double>(a.size * a.size, 0.0), a.exponent + b.exponent};
  for (std::size_t i = 0; i < a.size; ++i) {
    for (std::size_t k = 0; k < a.size; ++k) {
      const double left = a.at(i, k);
      if (left == 0) continue;
      for (std::size_t j = 0; j < a.size; ++j) c.at(i, j) += left * b.at(k, j);
    }
  }
  if (c.at(c.size / 2, c.size / 2) > 1e140) {
    for (double& cell : c.cells) cell *= 1e-140;
    c.exponent += 140;
  }
  return c;
}

Scaled power(const Scaled& base, std::int64_t n) {
  if (n == 1) return base;
  const Scaled half = power(base, n / 2);
  Scaled square = multiply(half, half);
  return n % 2 == 0 ? square : multiply(base, square);
}

// P(D_n < d) by Marsaglia, Tsang, Wang: "Evaluating Kolmogorov's distribution", J. Stat. Software
// 8/18, 2003.
double matrix_cdf(std::int64_t n, double d) {
  const auto count = static_cast<double>(n);
  const auto k = static_cast<std::size_t>(std::ceil(count * d));
  const double h = static_cast<double>(k) - count * d;
  const std::size_t m = 2 * k - 1;
  Scaled matrix{m, std::vector<double>(m * m, 0.0)};
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < m; ++j) matrix.at(i, j) = i + 1 >= j ? 1.0 : 0.0;
  }
  for (std::size_t i = 0; i < m; ++i) {
    matrix.at(i, 0) -= std::pow(h, static_cast<double>(i + 1));
    matrix.at(m - 1, i) -= std::pow(h, static_cast<double>(m - i));
  }
  if (2 * h > 1) matrix.at(m - 1, 0) += std::pow(2 * h - 1, static_cast<double>(m));
  for (std::size_t i = 0; i < m; ++i) {
    double factorial = 1;
    for (std::size_t j = i + 1; j-- > 0;) {
      // Cell (i, j) is divided by (i - j + 1)!.
      factorial *= static_cast<double>(i - j + 1);
      matrix.at(i, j) /= factorial;
    }
  }
  const Scaled result = power(matrix, n);
  const double cell = result.at(k - 1, k - 1);
  if (cell <= 0) return 0;
  return std::exp(std::log(cell) + result.exponent * std::numbers::ln10 +
                  log_factorial_over_power(count));
}

// P(sqrt(n) D_n <= z): Pelz and Good, J. Royal Stat. Soc. B 38 (1976), terms up to n^(-3/2).
double pelz_good_cdf(std::int64_t n, double d) {
  const auto count = static_cast<double>(n);
  const double z = std::sqrt(count) * d;
  const double z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, z8 = z4 * z4;
  constexpr double kPi2 = std::numbers::pi * std::numbers::pi;
  double sum0 = 0, sum1 = 0, sum2 = 0, sum2_whole = 0, sum3 = 0, sum3_whole = 0;
  const int terms = static_cast<int>(std::ceil(16 * z / std::numbers::pi)) + 1;
  for (int j = terms; j >= 0; --j) {
    const double half2 = kPi2 * (j + 0.5) * (j + 0.5), half4 = half2 * half2;
    const double e_half = std::exp(-half2 / (2 * z2));
    sum0 += e_half;
    sum1 += (half2 - z2) * e_half;
    sum2 += ((6 * z6 + 2 * z4) + (2 * z4 - 5 * z2) * half2 + (1 - 2 * z2) * half4) * e_half;
    sum3 += (half4 * half2 * (5 - 30 * z2) + half4 * (-60 * z2 + 212 * z4) +
             half2 * (135 * z4 - 96 * z6) - (30 * z6 + 90 * z8)) *
            e_half;
    const double whole2 = kPi2 * j * j;
    const double e_whole = std::exp(-whole2 / (2 * z2));
    sum2_whole += whole2 * e_whole;
    sum3_whole += (3 * whole2 * z2 - whole2 * whole2) * e_whole;
  }
  // The sums over all integers are twice those over j >= 0 (the term at 0 of the whole ones is 0).
  const double root = std::sqrt(std::numbers::pi / 2);
  const double k0 = 2 * root / z * sum0;
  const double k1 = root / (3 * z4) * sum1;
  const double k2 = root / (36 * z6 * z) * sum2 - root / (18 * z2 * z) * sum2_whole;
  const double k3 = root / (3240 * z8 * z2) * sum3 + root / (108 * z6) * sum3_whole;
  const double r = 1 / std::sqrt(count);
  return k0 + r * (k1 + r * (k2 + r * k3));
}

}  // namespace

double smirnov_survival(std::int64_t n, double d) {
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  const auto count = static_cast<double>(n);
  const auto last = static_cast<std::int64_t>(std::floor(count * (1 - d)));
  const double of_all = log_factorial(count);
  double sum = 0;
  for (std::int64_t j = 0; j <= last; ++j) {
    const auto i = static_cast<double>(j);
    const double rest = 1 - d - i / count;
    if (rest <= 0 && j < n) continue;
    double log_term =
        of_all - log_factorial(i) - log_factorial(count - i) + (i - 1) * std::log(d + i / count);
    if (j < n) log_term += (count - i) * std::log(rest);
    sum += std::exp(log_term);
  }
  return std::min(1.0, d * sum);
}

double kolmogorov_survival(std::int64_t n, double d) {
  if (n <= 0) return std::nan("");
  if (d >= 1) return 0;
  if (d <= 0) return 1;
  const auto count = static_cast<double>(n);
  const double t = count * d;
  if (t <= 0.5) return 1;
  if (t <= 1) return 1 - std::exp(log_factorial_over_power(count) + count * std::log(2 * t - 1));
  if (t >= count - 1) return 2 * std::pow(1 - d, count);
  if (d >= 0.5) return 2 * smirnov_survival(n, d);
  const double t_d = t * d;
  if (n <= 140) {
    if (t_d > 4) return 2 * smirnov_survival(n, d);
    return std::clamp(1 - matrix_cdf(n, d), 0.0, 1.0);
  }
  if (t_d >= 370) return 0;
  if (t_d >= 2.2) return 2 * smirnov_survival(n, d);
  const bool small = n <= 100'000 && count * std::pow(d, 1.5) <= 1.4;
  return std::clamp(1 - (small ? matrix_cdf(n, d) : pelz_good_cdf(n, d)), 0.0, 1.0);
}

double two_sample_survival(std::int64_t m, std::int64_t n, std::int64_t h) {
  if (h <= 0) return 1;
  if (m < n) std::swap(m, n);
  const std::int64_t divisor = std::gcd(m, n);
  const std::int64_t m_step = m / divisor, n_step = n / divisor;
  // outside[j]: probability that a random path to (i, j) has touched |i*n_step - j*m_step| >= h on
  // its way.
  std::vector<double> outside(static_cast<std::size_t>(n) + 1, 1.0);
  for (std::int64_t i = 0; i <= m; ++i) {
    // Inside are those j with i*n_step - h < j*m_step < i*n_step + h; beyond them the answer is 1.
    const std::int64_t low_edge = i * n_step - h;
    const std::int64_t low = low_edge < 0 ? 0 : low_edge / m_step + 1;
    const std::int64_t high = std::min(n, (i * n_step + h - 1) / m_step);
    if (low > 0 && low <= n + 1) outside[static_cast<std::size_t>(low) - 1] = 1;
    for (std::int64_t j = low; j <= high; ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (i == 0 && j == 0) {
        outside[at] = 0;
        continue;
      }
      const auto total = static_cast<double>(i + j);
      double value = 0;
      if (i > 0) value += outside[at] * (static_cast<double>(i) / total);
      if (j > 0) value += outside[at - 1] * (static_cast<double>(j) / total);
      outside[at] = value;
    }
  }
  return std::min(1.0, outside[static_cast<std::size_t>(n)]);
}

}  // namespace slipway::monitor
