#include "monitor/drift/share_distances.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double total(std::span<const double> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

// Calls each(share of reference, share of current) per bin; false when a side is empty.
template <typename Each>
bool each_share(std::span<const double> reference, std::span<const double> current, Each&& each) {
  CHECK(reference.size() == current.size());
  const double all_reference = total(reference), all_current = total(current);
  if (all_reference <= 0 || all_current <= 0) return false;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    each(reference[i] / all_reference, current[i] / all_current);
  }
  return true;
}

std::vector<double> shares_without_zero(std::span<const double> counts, ZeroShare zero) {
  const double all = total(counts);
  std::vector<double> shares;
  double smallest = std::numeric_limits<double>::infinity();
  for (const double count : counts) {
    shares.push_back(count / all);
    if (count > 0) smallest = std::min(smallest, shares.back());
  }
  for (double& share : shares) {
    switch (zero) {
      case ZeroShare::kFloor:
        share = std::max(share, 1e-4);
        break;
      case ZeroShare::kEvidently:
        if (share == 0) share = smallest <= 1e-4 ? smallest / 1e6 : 1e-4;
        break;
    }
  }
  return shares;
}

}  // namespace

double population_stability_index(std::span<const double> reference,
                                  std::span<const double> current, ZeroShare zero) {
  CHECK(reference.size() == current.size());
  if (total(reference) <= 0 || total(current) <= 0) return kNone;
  const std::vector<double> p = shares_without_zero(reference, zero);
  const std::vector<double> q = shares_without_zero(current, zero);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += (q[i] - p[i]) * std::log(q[i] / p[i]);
  return sum;
}

double kullback_leibler_divergence(std::span<const double> reference,
                                   std::span<const double> current, ZeroShare zero) {
  CHECK(reference.size() == current.size());
  if (total(reference) <= 0 || total(current) <= 0) return kNone;
  const std::vector<double> p = shares_without_zero(reference, zero);
  const std::vector<double> q = shares_without_zero(current, zero);
  const double all_p = total(p), all_q = total(q);
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    sum += p[i] / all_p * std::log(p[i] / all_p / (q[i] / all_q));
  }
  return sum;
}

double jensen_shannon_distance(std::span<const double> reference, std::span<const double> current) {
  double sum = 0;
  const bool any = each_share(reference, current, [&](double p, double q) {
    const double middle = (p + q) / 2;
    if (p > 0) sum += p * std::log(p / middle);
    if (q > 0) sum += q * std::log(q / middle);
  });
  return any ? std::sqrt(std::max(0.0, sum) / 2) : kNone;
}

double l_infinity_distance(std::span<const double> reference, std::span<const double> current) {
  double largest = 0;
  const bool any = each_share(reference, current, [&](double p, double q) {
    largest = std::max(largest, std::abs(p - q));
  });
  return any ? largest : kNone;
}

double total_variation_distance(std::span<const double> reference,
                                std::span<const double> current) {
  double sum = 0;
  const bool any =
      each_share(reference, current, [&](double p, double q) { sum += std::abs(p - q); });
  return any ? sum / 2 : kNone;
}

double hellinger_distance(std::span<const double> reference, std::span<const double> current) {
  double sum = 0;
  const bool any = each_share(reference, current, [&](double p, double q) {
    const double root = std::sqrt(p) - std::sqrt(q);
    sum += root * root;
  });
  return any ? std::sqrt(sum / 2) : kNone;
}

}  // namespace slipway::monitor
