#include "monitor/drift/kernel_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "monitor/drift/draws.h"

namespace slipway::monitor {
namespace {

// At most `most` of the values, each equally likely.
std::vector<double> sample_of(std::span<const double> values, std::size_t most, Draws& draws) {
  std::vector<double> sample(values.begin(), values.end());
  if (sample.size() <= most) return sample;
  for (std::size_t i = 0; i < most; ++i) {
    std::swap(sample[i], sample[i + draws.below(sample.size() - i)]);
  }
  sample.resize(most);
  return sample;
}

// Half the median squared distance of all pairs of values, each with itself too, the larger of two
// in the middle; 1/2 when it is 0.
double squared_width(const std::vector<double>& values) {
  std::vector<double> distances;
  distances.reserve(values.size() * values.size());
  for (const double a : values) {
    for (const double b : values) distances.push_back((a - b) * (a - b));
  }
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle > 0 ? *middle / 2 : 0.5;
}

}  // namespace

KernelTest kernel_two_sample_test(std::size_t m, std::size_t n, std::size_t permutations,
                                  Draws& draws, const Kernel& kernel) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (m < 2 || n < 2) return {kNone, kNone};
  const std::size_t all = m + n;
  // member[row][division] says whether the row is on the reference's side; division 0 is the real
  // one. Of each division only the sum within the reference's side is needed: the others follow
  // from the sums of the rows.
  const std::size_t divisions = permutations + 1;
  std::vector<double> member(all * divisions, 0.0);
  std::vector<std::size_t> order(all);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t division = 0; division < divisions; ++division) {
    for (std::size_t i = 0; i < m; ++i) {
      if (division > 0) std::swap(order[i], order[i + draws.below(order.size() - i)]);
      member[order[i] * divisions + division] = 1;
    }
  }
  std::vector<double> within(divisions, 0.0), rows_of_side(divisions, 0.0), near(divisions);
  double every = 0;
  for (std::size_t i = 0; i < all; ++i) {
    std::fill(near.begin(), near.end(), 0.0);
    double row = 0;
    for (std::size_t j = 0; j < all; ++j) {
      if (i == j) continue;
      const double value = kernel(i, j);
      row += value;
      if (j > i) continue;  // a pair is added once and counted twice
      const double* side = &member[j * divisions];
      for (std::size_t division = 0; division < divisions; ++division) {
        near[division] += value * side[division];
      }
    }
    every += row;
    const double* side = &member[i * divisions];
    for (std::size_t division = 0; division < divisions; ++division) {
      within[division] += 2 * side[division] * near[division];
      rows_of_side[division] += side[division] * row;
    }
  }
  const auto a = static_cast<double>(m), b = static_cast<double>(n);
  const auto discrepancy = [&](std::size_t division) {
    const double of_a = within[division], across = rows_of_side[division] - of_a;
    const double of_b = every - of_a - 2 * across;
    return of_a / (a * (a - 1)) + of_b / (b * (b - 1)) - 2 * across / (a * b);
  };
  KernelTest result{.statistic = discrepancy(0)};
  if (std::isnan(result.statistic)) return {kNone, kNone};  // squares that are no numbers any more
  std::size_t at_least = 0;
  // Sums in another order: equal divisions may differ by rounding.
  for (std::size_t division = 1; division < divisions; ++division) {
    at_least += discrepancy(division) >= result.statistic - 1e-12;
  }
  if (permutations > 0) {
    result.p_value = static_cast<double>(at_least) / static_cast<double>(permutations);
  }
  return result;
}

KernelTest maximum_mean_discrepancy(std::span<const double> reference,
                                    std::span<const double> current, const KernelOptions& options) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (reference.size() < 2 || current.size() < 2) return {kNone, kNone};
  Draws draws(options.seed);
  std::vector<double> all = sample_of(reference, options.sample_max, draws);
  const std::size_t m = all.size();
  const double gamma = 1 / (2 * squared_width(all));
  const std::vector<double> other = sample_of(current, options.sample_max, draws);
  all.insert(all.end(), other.begin(), other.end());
  return kernel_two_sample_test(m, all.size() - m, options.permutations, draws,
                                [&](std::size_t i, std::size_t j) {
                                  return std::exp(-gamma * (all[i] - all[j]) * (all[i] - all[j]));
                                });
}

}  // namespace slipway::monitor
