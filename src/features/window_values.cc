#include "features/window_values.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "features/exact_sum.h"

namespace slipway::features {
namespace {

Value value_of(double x) { return std::isnan(x) ? Value() : Value(x); }
Value value_of(std::string_view text) { return std::string(text); }
Value value_of(types::Timestamp time) { return time; }

std::string json_of(double x) {
  return std::isfinite(x) ? fmt::format("{}", x) : fmt::format("\"{}\"", x);
}
std::string json_of(std::string_view text) { return base::to_text(Json(std::string(text))); }
std::string json_of(types::Timestamp time) { return json_of(types::to_rfc3339(time)); }

double variance(std::span<const double> values) {
  if (values.size() < 2) return std::nan("");
  ExactSum sum, squares;
  for (const double x : values) sum.add(x);
  const double mean = sum.value() / static_cast<double>(values.size());
  for (const double x : values) {
    const double square = (x - mean) * (x - mean);
    if (std::isnan(square)) return square;
    squares.add(square);
  }
  return squares.value() / static_cast<double>(values.size() - 1);
}

double quantile(std::span<double> values, double q) {
  const double place = static_cast<double>(values.size() - 1) * q;
  const auto below = values.begin() + static_cast<std::ptrdiff_t>(std::floor(place));
  std::ranges::nth_element(values, below);
  const double share = place - std::floor(place);
  if (share == 0) return *below;
  const double above = *std::min_element(below + 1, values.end());
  // As numpy does it: from the nearer of the two.
  const double apart = above - *below;
  return share < 0.5 ? *below + apart * share : above - apart * (1 - share);
}

// The different values, most frequent first.
template <typename T>
std::vector<std::pair<T, std::size_t>> by_frequency(std::span<T> values) {
  std::ranges::sort(values);
  std::vector<std::pair<T, std::size_t>> counts;
  for (const T& value : values) {
    if (counts.empty() || counts.back().first != value) counts.emplace_back(value, 0);
    ++counts.back().second;
  }
  std::ranges::stable_sort(counts,
                           [](const auto& a, const auto& b) { return a.second > b.second; });
  return counts;
}

template <typename T>
Value top(std::span<T> values, std::size_t k) {
  std::string json = "[";
  auto counts = by_frequency(values);
  if (counts.size() > k) counts.resize(k);
  for (const auto& [value, count] : counts) json += (json.size() > 1 ? "," : "") + json_of(value);
  return json + "]";
}

template <typename T>
Value any_of(const Aggregate& aggregate, std::span<T> values) {
  if (aggregate.function == AggregateFunction::kDistinct) {
    std::ranges::sort(values);
    return static_cast<double>(std::unique(values.begin(), values.end()) - values.begin());
  }
  if (values.empty()) return {};
  switch (aggregate.function) {
    case AggregateFunction::kMin:
      return value_of(*std::ranges::min_element(values));
    case AggregateFunction::kMax:
      return value_of(*std::ranges::max_element(values));
    case AggregateFunction::kFirst:
      return value_of(values.front());
    case AggregateFunction::kLast:
      return value_of(values.back());
    case AggregateFunction::kTopK:
      return top(values, static_cast<std::size_t>(aggregate.parameter));
    case AggregateFunction::kMode:
      return value_of(by_frequency(values).front().first);
    case AggregateFunction::kCount:
    case AggregateFunction::kSum:
    case AggregateFunction::kMean:
    case AggregateFunction::kVariance:
    case AggregateFunction::kStddev:
    case AggregateFunction::kDistinct:
    case AggregateFunction::kQuantile:
      break;
  }
  return {};
}

}  // namespace

Value aggregate_of(const Aggregate& aggregate, std::span<double> values) {
  if (aggregate.function == AggregateFunction::kVariance) return value_of(variance(values));
  if (aggregate.function == AggregateFunction::kStddev)
    return value_of(std::sqrt(variance(values)));
  if (aggregate.function == AggregateFunction::kQuantile)
    return values.empty() ? Value() : value_of(quantile(values, aggregate.parameter));
  return any_of(aggregate, values);
}

Value aggregate_of(const Aggregate& aggregate, std::span<std::string_view> values) {
  return any_of(aggregate, values);
}

Value aggregate_of(const Aggregate& aggregate, std::span<types::Timestamp> values) {
  return any_of(aggregate, values);
}

}  // namespace slipway::features
