#include "monitor/drift/category_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "monitor/drift/distributions.h"
#include "monitor/drift/draws.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kPermutedCategoriesMax = 1000;  // a draw each, in each permutation

double total(std::span<const double> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// Sum over the categories of term(current count, expected count), an expected count being the
// reference's scaled to the current size.
template <typename Term>
ChiSquare fit(std::span<const double> reference, std::span<const double> current, Term&& term) {
  CHECK(reference.size() == current.size());
  const double all_reference = total(reference), all_current = total(current);
  if (all_reference <= 0 || all_current <= 0) return {kNone, kNone, 0};
  ChiSquare result{.degrees = -1};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] <= 0) continue;
    ++result.degrees;
    const double expected = reference[i] / all_reference * all_current;
    result.statistic += expected > 0 ? term(current[i], expected) : kInfinity;
  }
  result.p_value = chi_square_survival(result.statistic, result.degrees);
  return result;
}

}  // namespace

ChiSquare chi_square_two_sample(std::span<const double> reference, std::span<const double> current,
                                Continuity continuity) {
  CHECK(reference.size() == current.size());
  const double all_reference = total(reference), all_current = total(current);
  if (all_reference <= 0 || all_current <= 0) return {kNone, kNone, 0};
  std::int64_t categories = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) categories += reference[i] + current[i] > 0;
  const double all = all_reference + all_current;
  ChiSquare result{.degrees = categories - 1};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double row = reference[i] + current[i];
    if (row <= 0) continue;
    for (const auto& [seen, side] :
         {std::pair(reference[i], all_reference), std::pair(current[i], all_current)}) {
      const double expected = row * side / all;
      double difference = std::abs(seen - expected);
      if (result.degrees == 1 && continuity == Continuity::kYates)
        difference -= std::min(0.5, difference);
      result.statistic += difference * difference / expected;
    }
  }
  result.p_value = result.degrees > 0 ? chi_square_survival(result.statistic, result.degrees) : 1;
  return result;
}

ChiSquare chi_square_fit(std::span<const double> reference, std::span<const double> current) {
  return fit(reference, current, [](double seen, double expected) {
    return (seen - expected) * (seen - expected) / expected;
  });
}

ChiSquare g_test_fit(std::span<const double> reference, std::span<const double> current) {
  return fit(reference, current, [](double seen, double expected) {
    return seen > 0 ? 2 * seen * std::log(seen / expected) : 0;
  });
}

double proportions_z_test(std::span<const double> reference, std::span<const double> current) {
  CHECK(reference.size() == current.size());
  const double m = total(reference), n = total(current);
  if (m <= 0 || n <= 0) return kNone;
  // The first category that anybody has.
  std::size_t first = 0;
  while (reference[first] + current[first] <= 0) ++first;
  const double p = 1 - reference[first] / m, q = 1 - current[first] / n;
  const double pooled = (p * m + q * n) / (m + n);
  if (pooled <= 0) return 1;
  return 2 * normal_survival(std::abs(p - q) / std::sqrt(pooled * (1 - pooled) * (1 / m + 1 / n)));
}

double fisher_exact(std::span<const double> reference, std::span<const double> current) {
  CHECK(reference.size() == current.size());
  const double m = total(reference), n = total(current);
  if (m <= 0 || n <= 0) return kNone;
  std::vector<std::size_t> present;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] > 0) present.push_back(i);
  }
  if (present.size() > 2) return kNone;
  if (present.size() == 1) return 1;
  const double seen =
      reference[present[0]];  // of `row` rows of the first category, in the reference
  const double row = seen + current[present[0]], all = m + n;
  const double lowest = std::max(0.0, row - n), highest = std::min(row, m);
  // Weights against the likeliest table, by the ratio of neighbours.
  const double mode = std::clamp(std::floor((row + 1) * (m + 1) / (all + 2)), lowest, highest);
  const auto up = [&](double x) {
    return (row - x) * (m - x) / ((x + 1) * (all - row - m + x + 1));
  };
  std::vector<double> weights(static_cast<std::size_t>(highest - lowest) + 1, 0.0);
  const auto weight = [&](double x) -> double& {
    return weights[static_cast<std::size_t>(x - lowest)];
  };
  weight(mode) = 1;
  for (double x = mode; x < highest && weight(x) > 0; ++x) weight(x + 1) = weight(x) * up(x);
  for (double x = mode; x > lowest && weight(x) > 0; --x) weight(x - 1) = weight(x) / up(x - 1);
  const double bound = weight(seen) * (1 + 1e-7);  // equal ones differ by rounding
  double no_likelier = 0, every = 0;
  std::sort(weights.begin(), weights.end());
  for (const double one : weights) {
    every += one;
    if (one <= bound) no_likelier += one;
  }
  return std::min(1.0, no_likelier / every);
}

double total_variation_permutation(std::span<const double> reference,
                                   std::span<const double> current, std::int64_t permutations,
                                   std::uint64_t seed) {
  CHECK(reference.size() == current.size());
  const double m = total(reference), n = total(current);
  if (m <= 0 || n <= 0 || reference.size() > kPermutedCategoriesMax) return kNone;
  // Shares times m n are whole numbers, so that equal distances compare equal.
  const auto distance = [&](double in_reference, double in_current) {
    return std::abs(in_reference * n - in_current * m);
  };
  double seen = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) seen += distance(reference[i], current[i]);
  Draws draws(seed);
  std::int64_t at_least = 0;
  for (std::int64_t round = 0; round < permutations; ++round) {
    double rows = m + n, wanted = m, sum = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const double here = reference[i] + current[i];
      const double drawn = draws.hypergeometric(here, rows - here, wanted);
      sum += distance(drawn, here - drawn);
      rows -= here;
      wanted -= drawn;
    }
    at_least += sum >= seen;
  }
  return static_cast<double>(at_least) / static_cast<double>(permutations);
}

}  // namespace slipway::monitor
