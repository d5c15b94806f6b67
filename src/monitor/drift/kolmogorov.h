// Distributions behind the two-sample Kolmogorov-Smirnov test. Pure functions.
#pragma once

#include <cstdint>

namespace slipway::monitor {

// P(D_n >= d) for the two-sided one-sample statistic with n observations: what scipy calls
// kstwo.sf(d, n).
//
// As Simard and L'Ecuyer (J. Stat. Software 39/11, 2011) choose by range: Ruben-Gambino at the
// ends, the matrix of Marsaglia, Tsang and Wang where it is small, Smirnov's one-sided sum in the
// right tail (Miller), else the expansion of Pelz and Good. Within 1e-9 of scipy, relative.
double kolmogorov_survival(std::int64_t n, double d);

// P(D+_n >= d), Smirnov's exact sum.
double smirnov_survival(std::int64_t n, double d);

// P(|F_m - G_n| somewhere >= h / lcm(m, n)) for samples of m and n from one continuous
// distribution: share of the lattice paths that leave the band (Hodges 1958). Time and accuracy:
// O(m * width of the band), no cancellation.
double two_sample_survival(std::int64_t m, std::int64_t n, std::int64_t h);

}  // namespace slipway::monitor
