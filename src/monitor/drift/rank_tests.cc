#include "monitor/drift/rank_tests.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "monitor/drift/distinct_values.h"
#include "monitor/drift/distributions.h"
#include "monitor/drift/kolmogorov.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kExactMax = 10'000;
constexpr std::size_t kCramerExactMax = 20;
constexpr std::size_t kMannWhitneyExactMax = 8, kMannWhitneyExactOtherMax = 100'000;
using Wide = __int128;

// Sum of (twice_rank - 2 (first + k))^2 for k = 1..count.
Wide squared_rank_differences(std::int64_t twice_rank, std::int64_t first, std::int64_t count) {
  const Wide d = twice_rank - 2 * first, c = count;
  return c * d * d - 2 * d * c * (c + 1) + 2 * c * (c + 1) * (2 * c + 1) / 3;
}

// Variance of the two-sample Anderson-Darling statistic (Scholz and Stephens 1987, equation 4).
double anderson_darling_variance(double m, double n) {
  const double all = m + n, k = 2, inverse = 1 / m + 1 / n;
  double harmonic = 0, g = 0;
  for (double i = 1; i <= all - 2; ++i) {
    harmonic += 1 / (all - i);
    g += harmonic / (i + 1);
  }
  const double h = harmonic + 1;
  const double a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse;
  const double b =
      (2 * g - 4) * k * k + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6;
  const double c =
      (6 * h + 2 * g - 2) * k * k + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h;
  const double d = (2 * h + 6) * k * k - 4 * h * k;
  return (((a * all + b) * all + c) * all + d) / ((all - 1) * (all - 2) * (all - 3));
}

// A parabola through the logarithms of the table's p values (Scholz and Stephens 1987, table 2, two
// samples), by least squares.
double anderson_darling_p(double statistic) {
  constexpr std::array<double, 7> kCritical = {
      0.675 - 0.245 - 0.105, 1.281 + 0.25 - 0.305,  1.645 + 0.678 - 0.362, 1.96 + 1.149 - 0.391,
      2.326 + 1.822 - 0.396, 2.573 + 2.364 - 0.345, 3.085 + 3.615 - 0.154};
  constexpr std::array<double, 7> kP = {0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001};
  if (statistic < kCritical.front()) return kP.front();
  if (statistic > kCritical.back()) return kP.back();
  long double power[5] = {}, right[3] = {};
  for (std::size_t i = 0; i < kP.size(); ++i) {
    long double term = 1;
    for (int k = 0; k < 5; ++k, term *= kCritical[i]) {
      power[k] += term;
      if (k < 3) right[k] += term * std::log(static_cast<long double>(kP[i]));
    }
  }
  // Cramer's rule for the normal equations.
  const auto determinant = [](const long double(&x)[3], const long double(&y)[3],
                              const long double(&z)[3]) {
    return x[0] * (y[1] * z[2] - y[2] * z[1]) - y[0] * (x[1] * z[2] - x[2] * z[1]) +
           z[0] * (x[1] * y[2] - x[2] * y[1]);
  };
  const long double x[3] = {power[0], power[1], power[2]}, y[3] = {power[1], power[2], power[3]},
                    z[3] = {power[2], power[3], power[4]};
  const long double whole = determinant(x, y, z);
  const long double c0 = determinant(right, y, z) / whole, c1 = determinant(x, right, z) / whole,
                    c2 = determinant(x, y, right) / whole;
  return static_cast<double>(std::exp(c0 + statistic * (c1 + statistic * c2)));
}

}  // namespace

namespace {

// All but the p value.
KolmogorovSmirnov farthest_apart(std::span<const double> reference,
                                 std::span<const double> current) {
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  double above = 0, below = 0;
  double above_at = std::min(reference[0], current[0]), below_at = above_at;
  // Between two current values only the reference's function rises: the largest difference lies
  // just before the next current value, the smallest at a current value. So it's enough to look
  // there.
  auto at = reference.begin();
  for (std::size_t j = 0; j < current.size();) {
    const double here = current[j];
    at = std::lower_bound(at, reference.end(), here);
    const double before =
        static_cast<double>(at - reference.begin()) / m - static_cast<double>(j) / n;
    if (before > above) above = before, above_at = *std::prev(at);
    while (j < current.size() && current[j] == here) ++j;
    at = std::upper_bound(at, reference.end(), here);
    const double after =
        static_cast<double>(at - reference.begin()) / m - static_cast<double>(j) / n;
    if (after > above) above = after, above_at = here;
    if (-after > below) below = -after, below_at = here;
  }
  return {.statistic = std::min(1.0, std::max(above, below)),
          .location = below > above ? below_at : above_at,
          .sign = below > above ? -1 : 1};
}

}  // namespace

double ks_distance(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNone;
  return farthest_apart(reference, current).statistic;
}

KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> reference,
                                     std::span<const double> current, KsMethod method) {
  if (reference.empty() || current.empty()) return {kNone, kNone, kNone, 1};
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  KolmogorovSmirnov result = farthest_apart(reference, current);
  const bool exact =
      method == KsMethod::kAuto && std::max(reference.size(), current.size()) <= kExactMax;
  if (exact) {
    const auto a = static_cast<std::int64_t>(reference.size());
    const auto b = static_cast<std::int64_t>(current.size());
    const double multiple = static_cast<double>(std::lcm(a, b));
    result.p_value = two_sample_survival(
        a, b, static_cast<std::int64_t>(std::nearbyint(result.statistic * multiple)));
  } else {
    // nearbyint rounds halves to even, as numpy does.
    const double effective = m * n / (m + n);
    result.p_value =
        kolmogorov_survival(static_cast<std::int64_t>(std::nearbyint(effective)), result.statistic);
  }
  return result;
}

RankTest anderson_darling(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return {kNone, kNone};
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  const double all = m + n;
  double sum = 0;
  bool several = false;
  each_distinct_value(
      reference, current,
      [&](double, std::size_t below_a, std::size_t here_a, std::size_t below_b,
          std::size_t here_b) {
        const auto ties = static_cast<double>(here_a + here_b);
        if (ties == all) return;
        several = true;
        const double middle = static_cast<double>(below_a + below_b) + ties / 2;
        const double of_a = static_cast<double>(below_a) + static_cast<double>(here_a) / 2;
        // The term of the other sample differs in sign only.
        const double difference = all * of_a - middle * m;
        sum += ties / all * difference * difference / (middle * (all - middle) - all * ties / 4);
      });
  if (!several || all < 4) return {kNone, kNone};
  const double raw = sum * (1 / m + 1 / n) * (all - 1) / all;
  RankTest result{.statistic = (raw - 1) / std::sqrt(anderson_darling_variance(m, n))};
  result.p_value = anderson_darling_p(result.statistic);
  return result;
}

RankTest cramer_von_mises(std::span<const double> reference, std::span<const double> current) {
  if (reference.size() < 2 || current.size() < 2) return {kNone, kNone};
  const auto m = static_cast<std::int64_t>(reference.size());
  const auto n = static_cast<std::int64_t>(current.size());
  Wide four_of_a = 0, four_of_b = 0;  // four times the sums of squares: midranks are halves
  each_distinct_value(
      reference, current,
      [&](double, std::size_t below_a, std::size_t here_a, std::size_t below_b,
          std::size_t here_b) {
        const auto twice_rank =
            static_cast<std::int64_t>(2 * (below_a + below_b) + here_a + here_b + 1);
        four_of_a += squared_rank_differences(twice_rank, static_cast<std::int64_t>(below_a),
                                              static_cast<std::int64_t>(here_a));
        four_of_b += squared_rank_differences(twice_rank, static_cast<std::int64_t>(below_b),
                                              static_cast<std::int64_t>(here_b));
      });
  const Wide four_u = m * four_of_a + n * four_of_b;
  const Wide k = static_cast<Wide>(m) * n, all = m + n;
  RankTest result;
  result.statistic =
      static_cast<double>(6 * four_u - 4 * k * (4 * k - 1)) / static_cast<double>(24 * k * all);
  if (std::max(reference.size(), current.size()) <= kCramerExactMax) {
    result.p_value = cramer_von_mises_exact(static_cast<std::int64_t>(four_u), m, n);
    return result;
  }
  const auto of_k = static_cast<double>(k), size = static_cast<double>(all);
  const auto a = static_cast<double>(m), b = static_cast<double>(n);
  const double expected = (1 + 1 / size) / 6;
  const double variance = (size + 1) * (4 * of_k * size - 3 * (a * a + b * b) - 2 * of_k) /
                          (45 * size * size * 4 * of_k);
  result.p_value =
      cramer_von_mises_survival(1.0 / 6 + (result.statistic - expected) / std::sqrt(45 * variance));
  return result;
}

RankTest mann_whitney(std::span<const double> reference, std::span<const double> current,
                      Alternative alternative) {
  if (reference.empty() || current.empty()) return {kNone, kNone};
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  const double all = m + n;
  double ranks = 0, ties = 0;
  each_distinct_value(reference, current,
                      [&](double, std::size_t below_a, std::size_t here_a, std::size_t below_b,
                          std::size_t here_b) {
                        const auto here = static_cast<double>(here_a + here_b);
                        ranks += static_cast<double>(here_a) *
                                 (static_cast<double>(below_a + below_b) + (here + 1) / 2);
                        ties += here * here * here - here;
                      });
  RankTest result{.statistic = ranks - m * (m + 1) / 2};
  const bool two_sided = alternative == Alternative::kTwoSided;
  const double other = m * n - result.statistic;
  const double tested = two_sided ? std::max(result.statistic, other) : other;
  if (ties == 0 && std::min(reference.size(), current.size()) <= kMannWhitneyExactMax &&
      std::max(reference.size(), current.size()) <= kMannWhitneyExactOtherMax) {
    result.p_value = mann_whitney_exact(m * n - tested, static_cast<std::int64_t>(reference.size()),
                                        static_cast<std::int64_t>(current.size()));
  } else {
    const double deviation = std::sqrt(m * n / 12 * (all + 1 - ties / (all * (all - 1))));
    result.p_value = normal_survival((tested - m * n / 2 - 0.5) / deviation);
  }
  result.p_value = std::min(1.0, two_sided ? 2 * result.p_value : result.p_value);
  return result;
}

}  // namespace slipway::monitor
