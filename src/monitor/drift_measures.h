// How far a current sample lies from a reference, by the measures people know. Pure functions;
// empty samples give NaN.
//
// Numbers agree with scipy (and, where said, Evidently) to 1e-9 relative or better; see testdata/.
// Missing and infinite values are for the caller to drop: no measure here sees them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace slipway::monitor {

struct KolmogorovSmirnov {
  double statistic = 0;
  double p_value = 1;
  double location = 0;  // where the two distribution functions are farthest apart
  int sign = 1;  // +1: the reference's function is above, so the current values are larger there
};
// kAuto: exact up to 10,000 values on the longer side, else asymptotic with n = m*n/(m+n) rounded
// (scipy's rule).
enum class KsMethod { kAuto, kExact, kAsymptotic };
// Both samples sorted ascending.
KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> reference,
                                     std::span<const double> current,
                                     KsMethod method = KsMethod::kAuto);

// First Wasserstein distance (earth mover's) in the column's own unit. Both samples sorted
// ascending.
double wasserstein_distance(std::span<const double> reference, std::span<const double> current);
// The same divided by the reference's population standard deviation (at least 0.001): Evidently's
// and Azure's form.
double normalized_wasserstein(std::span<const double> reference, std::span<const double> current);

// Standard deviation with n in the denominator.
double population_deviation(std::span<const double> values);

// Bin edges, ascending; n edges make n-1 bins, each [low, high) but the last, which is closed
// (numpy's rule).
//
// Deciles of the reference with open ends and equal edges merged: every value has a bin and
// outliers don't stretch them. At least one bin.
std::vector<double> decile_edges(std::span<const double> sorted_reference);
// Equal widths between low and high.
std::vector<double> equal_width_edges(double low, double high, std::size_t bins);
// Evidently's: equal widths over both samples, as many as Sturges' rule says.
std::vector<double> sturges_edges(std::span<const double> sorted_reference,
                                  std::span<const double> sorted_current);
// How many of the sorted values fall in each bin. Values outside are not counted.
std::vector<double> histogram(std::span<const double> sorted_values, std::span<const double> edges);

// What stands for a share of zero, whose logarithm doesn't exist.
enum class ZeroShare {
  kFloor,      // every share is at least 0.0001
  kEvidently,  // zero becomes 0.0001, or a millionth of that side's smallest share when that is at
               // most 0.0001
};
// The measures below take counts per bin or category, in the same order on both sides.
//
// Population stability index: sum of (current - reference) * ln(current / reference) over shares.
// 0.1 is commonly read as a shift worth a look, 0.25 as a large one.
double population_stability_index(std::span<const double> reference,
                                  std::span<const double> current,
                                  ZeroShare zero = ZeroShare::kFloor);
// Jensen-Shannon distance: square root of the divergence in nats, at most 0.8326.
double jensen_shannon_distance(std::span<const double> reference, std::span<const double> current);
// Largest difference of a share.
double l_infinity_distance(std::span<const double> reference, std::span<const double> current);
// Half the sum of the differences of the shares.
double total_variation_distance(std::span<const double> reference, std::span<const double> current);
double hellinger_distance(std::span<const double> reference, std::span<const double> current);

struct ChiSquare {
  double statistic = 0;
  double p_value = 1;
  std::int64_t degrees = 0;
};
// Pearson's test that both samples come from one distribution (contingency table; Yates' correction
// for 2x2). This is the one whose false-alarm rate holds at every size.
ChiSquare chi_square_two_sample(std::span<const double> reference, std::span<const double> current);
// Evidently's: goodness of fit, the reference taken as exact. Alarms too often unless the reference
// is much larger.
ChiSquare chi_square_fit(std::span<const double> reference, std::span<const double> current);

}  // namespace slipway::monitor
