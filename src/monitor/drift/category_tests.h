// Tests whether two lists of counts come from one distribution: per category, in the same order on
// both sides. Pure functions; NaN when a side counts nothing.
#pragma once

#include <cstdint>
#include <span>

namespace slipway::monitor {

struct ChiSquare {
  double statistic = 0;
  double p_value = 1;
  std::int64_t degrees = 0;
};
enum class Continuity { kYates, kNone };
// Pearson's test that both samples come from one distribution (contingency table; Yates' correction
// for 2x2). This is the one whose false-alarm rate holds at every size.
ChiSquare chi_square_two_sample(std::span<const double> reference, std::span<const double> current,
                                Continuity continuity = Continuity::kYates);
// Evidently's: goodness of fit, the reference taken as exact. Alarms too often unless the reference
// is much larger.
ChiSquare chi_square_fit(std::span<const double> reference, std::span<const double> current);
// The likelihood-ratio form of the fit (G test), the reference scaled to the current size.
ChiSquare g_test_fit(std::span<const double> reference, std::span<const double> current);

// Two-sided p value that the share of rows outside the first category is the same (pooled z test of
// proportions); 1 when both sides have one and the same category.
double proportions_z_test(std::span<const double> reference, std::span<const double> current);

// Two-sided p value of Fisher's exact test for two categories: the tables that are no likelier than
// this one. NaN for more than two; 1 for one.
double fisher_exact(std::span<const double> reference, std::span<const double> current);

// Share of random divisions of all rows into two sides of these sizes whose total variation
// distance is at least the one seen. The draws depend on `seed` only.
double total_variation_permutation(std::span<const double> reference,
                                   std::span<const double> current, std::int64_t permutations,
                                   std::uint64_t seed);

}  // namespace slipway::monitor
