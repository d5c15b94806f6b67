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

DriftScore ks_effective(const NumberPair& pair) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (pair.reference.empty() || pair.current.empty()) return {kNone, kNone};
  const double distance = ks_distance(pair.reference, pair.current);
  const double rows = 1 / (pair.reference_inflation / static_cast<double>(pair.reference.size()) +
                           pair.current_inflation / static_cast<double>(pair.current.size()));
  const auto effective = std::max<std::int64_t>(1, std::llround(rows));
  return {kolmogorov_survival(effective, distance), distance};
}

DriftScore chi_square_effective(const CategoryPair& pair) {
  const ChiSquare test = chi_square_two_sample(pair.reference, pair.current, Continuity::kNone);
  const double m = std::accumulate(pair.reference.begin(), pair.reference.end(), 0.0);
  const double n = std::accumulate(pair.current.begin(), pair.current.end(), 0.0);
  const double design =
      (pair.reference_inflation / m + pair.current_inflation / n) / (1 / m + 1 / n);
  return {
      test.degrees > 0 ? chi_square_survival(test.statistic / design, test.degrees) : test.p_value,
      total_variation_distance(pair.reference, pair.current)};
}

}  // namespace slipway::monitor
