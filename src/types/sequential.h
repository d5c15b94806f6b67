// Tests and intervals that hold however often one looks: a release that is watched every minute
// must not be called harmful, or better, by luck of the many looks. Pure functions.
#pragma once

#include <cstdint>

namespace slipway::types {

// Evidence against "the rate is at most `bound`", with 0 < bound < 1, after `hits` of `total`: the
// logarithm of an e-process (a mixture of likelihood ratios over rates above the bound, half of it
// uniform, half near the bound: Robbins 1970; Ramdas et al. 2023). If the rate is at most the
// bound, it ever exceeds log(1/alpha) with a chance of at most alpha.
double log_evidence_above(std::int64_t hits, std::int64_t total, double bound);

struct Interval {
  double low = 0, high = 0;  // NaN below two values
  bool contains(double value) const { return low <= value && value <= high; }
};

// Of a mean, from its estimate after `count` independent values and its standard error. All
// intervals one may ever compute from the growing data cover the mean together, with a chance of
// 1 - alpha in the limit (asymptotic confidence sequence: Waudby-Smith, Arbour, Sinha, Kennedy and
// Ramdas 2024). It is tightest around `tightest_at` values, and about 1.5 to 2 times as wide as an
// interval for a single look.
Interval anytime_interval(double mean, double standard_error, std::int64_t count, double alpha,
                          double tightest_at);

// How often something happened in `total` independent trials.
struct Tally {
  std::int64_t hits = 0, total = 0;
};
// Of the rate of `b` minus that of `a`. All intervals one may ever compute from the growing counts
// cover it together, with a chance of at least 1 - alpha at any count: nothing in it is about
// normal, so no rate is too small. It is made of the pairs of rates that no mixture has multiplied
// a bet against by 1/alpha: for each side the likelihood is mixed over Beta(1/2, 1/2) (Robbins
// 1970; Howard, Ramdas, McAuliffe and Sekhon 2021), and two independent sides multiply. NaN below
// two trials a side.
Interval anytime_difference(Tally a, Tally b, double alpha);

}  // namespace slipway::types
