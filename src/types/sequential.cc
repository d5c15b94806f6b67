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

// The logarithm of a tally's e-value against a rate: it is least at the tally's own, and grows to
// both sides.
class RateEvidence {
 public:
  explicit RateEvidence(Tally tally)
      : hits_(static_cast<double>(tally.hits)),
        total_(static_cast<double>(tally.total)),
        mixed_(log_beta(hits_ + 0.5, total_ - hits_ + 0.5) - log_beta(0.5, 0.5)) {}

  double against(double rate) const {
    const double misses = total_ - hits_;
    return mixed_ - (hits_ > 0 ? hits_ * std::log(rate) : 0) -
           (misses > 0 ? misses * std::log1p(-rate) : 0);
  }
  // The rate where it grows by `slope` > 0 or falls by `slope` < 0: what solves
  // total * rate - hits = slope * rate * (1 - rate).
  double rate_at(double slope) const {
    const double steep = std::abs(slope);
    const double hits = slope > 0 ? hits_ : total_ - hits_;
    const double less = steep - total_;
    const double root = std::sqrt(less * less + 4 * steep * hits);
    const double rate = less >= 0 ? (less + root) / (2 * steep) : 2 * hits / (root - less);
    return slope > 0 ? rate : 1 - rate;
  }

 private:
  double hits_, total_, mixed_;
};

// The most by which the rate of `above` may exceed that of `below`: there both change their
// evidence by the same slope (Lagrange), and the evidence together is `enough`.
double greatest_difference(const RateEvidence& below, const RateEvidence& above, double enough) {
  double low = -40, high = 80;  // of the slope's logarithm
  for (int i = 0; i < 60; ++i) {
    const double slope = std::exp((low + high) / 2);
    const double evidence =
        below.against(below.rate_at(-slope)) + above.against(above.rate_at(slope));
    (evidence < enough ? low : high) = (low + high) / 2;
  }
  const double slope = std::exp(low);
  return above.rate_at(slope) - below.rate_at(-slope);
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

Interval anytime_difference(Tally a, Tally b, double alpha) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (a.total < 2 || b.total < 2) return {kNone, kNone};
  const RateEvidence of_a(a), of_b(b);
  const double enough = -std::log(alpha);
  return {-greatest_difference(of_b, of_a, enough), greatest_difference(of_a, of_b, enough)};
}

}  // namespace slipway::types
