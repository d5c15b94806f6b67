#include "monitor/drift/bins.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "monitor/drift/moments.h"

namespace slipway::monitor {

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
    double value = fraction < 0.5 ? a + (b - a) * fraction : b - (b - a) * (1 - fraction);
    if (!std::isfinite(b - a)) value = a * (1 - fraction) + b * fraction;
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
  for (std::size_t i = 0; i <= bins; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(bins);
    // Two numbers may lie farther apart than any number is large.
    edges[i] = std::isfinite(step) ? static_cast<double>(i) * step + low
                                   : low * (1 - share) + high * share;
  }
  edges.back() = high;
  return edges;
}

namespace {

// As many bins as a rule wants, which need not be a whole number; 1 when all values are equal.
std::vector<double> edges_by_rule(double low, double high, double wanted, Values values) {
  double width = (high - low) / wanted;
  if (values == Values::kWhole && width > 0 && width < 1) width = 1;
  double bins = width > 0 ? std::ceil((high - low) / width) : 1;
  if (!std::isfinite(width)) bins = std::ceil(wanted);
  return equal_width_edges(low, high, static_cast<std::size_t>(bins));
}

}  // namespace

std::vector<double> sturges_edges(double low, double high, std::size_t count, Values values) {
  CHECK(count > 0);
  return edges_by_rule(low, high, std::log2(static_cast<double>(count)) + 1, values);
}

std::vector<double> doane_edges(std::span<const double> sorted_values, Values values) {
  CHECK(!sorted_values.empty());
  const double low = sorted_values.front(), high = sorted_values.back();
  const auto n = static_cast<double>(sorted_values.size());
  const Moments moments = moments_of(sorted_values);
  const double deviation = std::sqrt(moments.squares / n);
  if (n <= 2 || deviation <= 0) return edges_by_rule(low, high, 1, values);
  double cubes = 0;
  for (const double value : sorted_values) {
    const double scaled = (value - moments.mean) / deviation;
    cubes += scaled * scaled * scaled;
  }
  if (!std::isfinite(cubes)) cubes = 0;  // values so large that their squares are none
  const double spread = std::sqrt(6 * (n - 2) / ((n + 1) * (n + 3)));
  return edges_by_rule(low, high, 1 + std::log2(n) + std::log2(1 + std::abs(cubes / n) / spread),
                       values);
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

}  // namespace slipway::monitor
