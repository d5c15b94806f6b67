// Distributions of test statistics, accurate in their tails. Pure functions. That of Kolmogorov and
// Smirnov is in kolmogorov.h.
#pragma once

#include <cstdint>

namespace slipway::monitor {

// P(a chi-square variable with `degrees` >= statistic); NaN without degrees of freedom.
double chi_square_survival(double statistic, std::int64_t degrees);
// P(a standard normal variable >= z).
double normal_survival(double z);
// P(|a Student variable with `degrees`| >= |t|).
double student_two_sided(double t, double degrees);

// P(W >= w) for the limit of the Cramer-von Mises statistic: Smirnov's alternating series of
// integrals, whose terms don't cancel in the tail.
double cramer_von_mises_survival(double w);
// The exact chance that two samples of m and n from one continuous distribution give a rank sum U
// (Anderson 1962) of four_u / 4 or more. Counts lattice paths by their value (Xiao, Gordon,
// Yakovlev 2006): for m, n up to about 20.
double cramer_von_mises_exact(std::int64_t four_u, std::int64_t m, std::int64_t n);

// P(U <= u) of Mann and Whitney for samples of m and n without ties, exactly: partitions into at
// most min(m, n) parts.
double mann_whitney_exact(double u, std::int64_t m, std::int64_t n);

// ln(n!), without the shared state of lgamma.
double log_factorial(double n);

}  // namespace slipway::monitor
