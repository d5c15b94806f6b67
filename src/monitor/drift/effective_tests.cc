#include "monitor/drift/effective_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "monitor/drift/category_tests.h"
#include "monitor/drift/distributions.h"
#include "monitor/drift/kolmogorov.h"
#include "monitor/drift/rank_tests.h"
#include "monitor/drift/share_distances.h"

namespace slipway::monitor {

// The chance that so many rows are told apart from each other as clearly as can be, by luck: no
// permutation test is more certain.
static double separation_chance(double m, double n) {
  m = std::max(1.0, std::floor(m));
  n = std::max(1.0, std::floor(n));
  return std::min(1.0, 2 * std::exp(log_factorial(m) + log_factorial(n) - log_factorial(m + n)));
}

DriftScore ks_effective(const NumberPair& pair) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (pair.reference.empty() || pair.current.empty()) return {kNone, kNone};
  const double distance = ks_distance(pair.reference, pair.current);
  const double m = static_cast<double>(pair.reference.size()) / pair.reference_inflation;
  const double n = static_cast<double>(pair.current.size()) / pair.current_inflation;
  const auto effective = std::max<std::int64_t>(1, std::llround(1 / (1 / m + 1 / n)));
  return {std::max(separation_chance(m, n), kolmogorov_survival(effective, distance)), distance};
}

DriftScore chi_square_effective(const CategoryPair& pair) {
  const ChiSquare test = chi_square_two_sample(pair.reference, pair.current, Continuity::kNone);
  const double m = std::accumulate(pair.reference.begin(), pair.reference.end(), 0.0);
  const double n = std::accumulate(pair.current.begin(), pair.current.end(), 0.0);
  const double design =
      (pair.reference_inflation / m + pair.current_inflation / n) / (1 / m + 1 / n);
  if (test.degrees == 0)
    return {test.p_value, total_variation_distance(pair.reference, pair.current)};
  const double least = separation_chance(m / pair.reference_inflation, n / pair.current_inflation);
  return {std::max(least, chi_square_survival(test.statistic / design, test.degrees)),
          total_variation_distance(pair.reference, pair.current)};
}

}  // namespace slipway::monitor
