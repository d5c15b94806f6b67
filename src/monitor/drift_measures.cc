#include "monitor/drift_measures.h"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "monitor/kolmogorov.h"

namespace slipway::monitor {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kExactMax = 10'000;

double total(std::span<const double> counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

double chi_square_survival(double statistic, std::int64_t degrees) {
  if (degrees <= 0) return 1;
  if (std::isinf(statistic)) return 0;
  return boost::math::gamma_q(static_cast<double>(degrees) / 2, statistic / 2);
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

KolmogorovSmirnov kolmogorov_smirnov(std::span<const double> reference,
                                     std::span<const double> current, KsMethod method) {
  if (reference.empty() || current.empty()) return {kNone, kNone, kNone, 1};
  const auto m = static_cast<double>(reference.size()), n = static_cast<double>(current.size());
  double above = 0, below = 0;
  double above_at = std::min(reference[0], current[0]), below_at = above_at;
  // Between two current values only the reference's function rises: the largest difference lies
  // just before the next current value, the smallest at a current value. So it's enough to look
  // there.
  auto at = reference.begin();
  for (std::size_t j = 0; j < current.size();) {
    const double here = current[j];
    at = std::lower_bound(at, reference.end(), here);
    const double before =
        static_cast<double>(at - reference.begin()) / m - static_cast<double>(j) / n;
    if (before > above) above = before, above_at = *std::prev(at);
    while (j < current.size() && current[j] == here) ++j;
    at = std::upper_bound(at, reference.end(), here);
    const double after =
        static_cast<double>(at - reference.begin()) / m - static_cast<double>(j) / n;
    if (after > above) above = after, above_at = here;
    if (-after > below) below = -after, below_at = here;
  }
  KolmogorovSmirnov result;
  result.statistic = std::min(1.0, std::max(above, below));
  result.sign = below > above ? -1 : 1;
  result.location = below > above ? below_at : above_at;
  const bool exact =
      method == KsMethod::kExact ||
      (method == KsMethod::kAuto && std::max(reference.size(), current.size()) <= kExactMax);
  if (exact) {
    const auto a = static_cast<std::int64_t>(reference.size());
    const auto b = static_cast<std::int64_t>(current.size());
    const double multiple = static_cast<double>(std::lcm(a, b));
    result.p_value = two_sample_survival(
        a, b, static_cast<std::int64_t>(std::nearbyint(result.statistic * multiple)));
  } else {
    // nearbyint rounds halves to even, as numpy does.
    const double effective = m * n / (m + n);
    result.p_value =
        kolmogorov_survival(static_cast<std::int64_t>(std::nearbyint(effective)), result.statistic);
  }
  return result;
}

double wasserstein_distance(std::span<const double> reference, std::span<const double> current) {
  if (reference.empty() || current.empty()) return kNone;
  const double step = 1 / static_cast<double>(reference.size());
  const auto n = static_cast<double>(current.size());
  double sum = 0;
  double before = std::min(reference[0], current[0]);
  std::size_t i = 0;
  // One current value after the other; the run of reference values up to it in a loop without
  // branches.
  for (std::size_t j = 0; j <= current.size(); ++j) {
    const double level = static_cast<double>(j) / n;
    const std::size_t end =
        j == current.size()
            ? reference.size()
            : static_cast<std::size_t>(
                  std::upper_bound(reference.begin() + static_cast<std::ptrdiff_t>(i),
                                   reference.end(), current[j]) -
                  reference.begin());
    for (; i < end; ++i) {
      sum += std::abs(static_cast<double>(i) * step - level) * (reference[i] - before);
      before = reference[i];
    }
    if (j == current.size()) break;
    sum += std::abs(static_cast<double>(i) * step - level) * (current[j] - before);
    before = current[j];
  }
  return sum;
}

double population_deviation(std::span<const double> values) {
  if (values.empty()) return kNone;
  const auto n = static_cast<double>(values.size());
  const double mean = total(values) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / n);
}

double normalized_wasserstein(std::span<const double> reference, std::span<const double> current) {
  return wasserstein_distance(reference, current) /
         std::max(population_deviation(reference), 0.001);
}

std::vector<double> decile_edges(std::span<const double> sorted_reference) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (sorted_reference.empty()) return {-kInfinity, kInfinity};
  std::vector<double> edges;
  const auto last = static_cast<double>(sorted_reference.size() - 1);
  for (int decile = 0; decile <= 10; ++decile) {
    // Linear interpolation between order statistics: numpy's default quantile of linspace(0, 1,
    // 11).
    const double position = last * (decile == 10 ? 1.0 : decile * 0.1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, sorted_reference.size() - 1);
    const double fraction = position - static_cast<double>(low);
    const double a = sorted_reference[low], b = sorted_reference[high];
    const double value = fraction < 0.5 ? a + (b - a) * fraction : b - (b - a) * (1 - fraction);
    if (edges.empty() || value > edges.back()) edges.push_back(value);
  }
  if (edges.size() == 1) return {-kInfinity, kInfinity};
  edges.front() = -kInfinity;
  edges.back() = kInfinity;
  return edges;
}

std::vector<double> equal_width_edges(double low, double high, std::size_t bins) {
  CHECK(bins > 0);
  if (low == high) {
    low -= 0.5;
    high += 0.5;
  }
  const double step = (high - low) / static_cast<double>(bins);
  std::vector<double> edges(bins + 1);
  for (std::size_t i = 0; i <= bins; ++i) edges[i] = static_cast<double>(i) * step + low;
  edges.back() = high;
  return edges;
}

std::vector<double> sturges_edges(std::span<const double> sorted_reference,
                                  std::span<const double> sorted_current) {
  CHECK(!sorted_reference.empty() && !sorted_current.empty());
  const double low = std::min(sorted_reference.front(), sorted_current.front());
  const double high = std::max(sorted_reference.back(), sorted_current.back());
  const auto count = static_cast<double>(sorted_reference.size() + sorted_current.size());
  const double width = (high - low) / (std::log2(count) + 1);
  const double bins = width > 0 ? std::ceil((high - low) / width) : 1;
  return equal_width_edges(low, high, static_cast<std::size_t>(bins));
}

std::vector<double> histogram(std::span<const double> sorted_values,
                              std::span<const double> edges) {
  CHECK(edges.size() >= 2);
  std::vector<double> counts(edges.size() - 1);
  auto from = std::lower_bound(sorted_values.begin(), sorted_values.end(), edges[0]);
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    const bool last = bin + 2 == edges.size();
    const auto to = last ? std::upper_bound(from, sorted_values.end(), edges[bin + 1])
                         : std::lower_bound(from, sorted_values.end(), edges[bin + 1]);
    counts[bin] = static_cast<double>(to - from);
    from = to;
  }
  return counts;
}

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

ChiSquare chi_square_two_sample(std::span<const double> reference,
                                std::span<const double> current) {
  CHECK(reference.size() == current.size());
  const double all_reference = total(reference), all_current = total(current);
  if (all_reference <= 0 || all_current <= 0) return {kNone, kNone, 0};
  std::int64_t categories = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) categories += reference[i] + current[i] > 0;
  const double all = all_reference + all_current;
  ChiSquare result{.degrees = categories - 1};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double row = reference[i] + current[i];
    if (row <= 0) continue;
    for (const auto& [seen, side] :
         {std::pair(reference[i], all_reference), std::pair(current[i], all_current)}) {
      const double expected = row * side / all;
      double difference = std::abs(seen - expected);
      if (result.degrees == 1) difference -= std::min(0.5, difference);
      result.statistic += difference * difference / expected;
    }
  }
  result.p_value = chi_square_survival(result.statistic, result.degrees);
  return result;
}

ChiSquare chi_square_fit(std::span<const double> reference, std::span<const double> current) {
  CHECK(reference.size() == current.size());
  const double all_reference = total(reference), all_current = total(current);
  if (all_reference <= 0 || all_current <= 0) return {kNone, kNone, 0};
  ChiSquare result{.degrees = -1};
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] <= 0) continue;
    ++result.degrees;
    const double expected = reference[i] / all_reference * all_current;
    const double difference = current[i] - expected;
    result.statistic +=
        expected > 0 ? difference * difference / expected : std::numeric_limits<double>::infinity();
  }
  result.p_value =
      result.degrees > 0 ? chi_square_survival(result.statistic, result.degrees) : kNone;
  return result;
}

}  // namespace slipway::monitor
