#include "types/sequential.h"

#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

namespace slipway::types {
namespace {

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// Log of the integral of q^(a-1) (1-q)^(b-1) from `bound` to 1.
double log_tail(double a, double b, double bound) {
  return log_beta(a, b) + std::log(boost::math::ibetac(a, b, bound));
}

// The mixture over a Beta(1, b) cut to rates above the bound.
double log_mixture(double hits, double misses, double bound, double b) {
  return log_tail(1 + hits, b + misses, bound) - log_tail(1, b, bound) - hits * std::log(bound) -
         misses * std::log1p(-bound);
}

}  // namespace

double log_evidence_above(std::int64_t hits, std::int64_t total, double bound) {
  const auto k = static_cast<double>(hits), misses = static_cast<double>(total - hits);
  const double wide = log_mixture(k, misses, bound, 1);
  const double near = log_mixture(k, misses, bound, 1 / (2 * bound));
  const double most = std::max(wide, near);
  if (std::isinf(most)) return most;
  return most + std::log((std::exp(wide - most) + std::exp(near - most)) / 2);
}

Interval anytime_interval(double mean, double standard_error, std::int64_t count, double alpha,
                          double tightest_at) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (count < 2 || !std::isfinite(standard_error)) return {kNone, kNone};
  const double twice = -2 * std::log(alpha);
  const double scaled = static_cast<double>(count) * (twice + std::log1p(twice)) / tightest_at;
  const double factor =
      std::sqrt(2 * (scaled + 1) / scaled * std::log(std::sqrt(scaled + 1) / alpha));
  return {mean - factor * standard_error, mean + factor * standard_error};
}

}  // namespace slipway::types
