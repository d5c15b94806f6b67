// Tests of two samples of numbers by the order of their values. Pure functions; both samples sorted
// ascending, NaN when one is empty. Numbers agree with scipy's.
#pragma once

#include <span>

namespace slipway::monitor {

struct KolmogorovSmirnov {
  double statistic = 0;
  double p_value = 1;
  double location = 0;  // where the two distribution functions are farthest apart
  int sign = 1;  // +1: the reference's function is above, so the current values are larger there
};
// kAuto: exact up to 10,000 values on the longer side, else asymptotic with n = m*n/(m+n) rounded
// (scipy's rule).
enum class KsMethod { kAuto, kAsymptotic };
// Both samples sorted ascending.
KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> reference,
                                     std::span<const double> current,
                                     KsMethod method = KsMethod::kAuto);

// Its statistic alone.
double ks_distance(std::span<const double> reference, std::span<const double> current);

struct RankTest {
  double statistic = 0;
  double p_value = 1;
};

// Anderson-Darling for two samples, with midranks for ties. Its p value is read off a table
// between 0.001 and 0.25, as scipy does. NaN when all values are equal.
RankTest anderson_darling(std::span<const double> reference, std::span<const double> current);

// Cramer-von Mises for two samples. The p value is exact up to 20 values on the longer side, else
// that of the limit.
RankTest cramer_von_mises(std::span<const double> reference, std::span<const double> current);

enum class Alternative {
  kTwoSided,
  kLarger,  // small p: the current values are larger
};
// Mann-Whitney's U of the reference. Exact when a side has at most 8 values, the other at most
// 100,000 (scipy: any number, of which the counting takes memory), and none are tied, else normal
// with the corrections for ties and continuity (scipy's rule).
RankTest mann_whitney(std::span<const double> reference, std::span<const double> current,
                      Alternative alternative = Alternative::kTwoSided);

}  // namespace slipway::monitor
