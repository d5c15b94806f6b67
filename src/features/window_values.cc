#include "features/window_values.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "features/exact_sum.h"

namespace slipway::features {
namespace {

// The two zeros are one value: which of them came first must not be seen.
Value value_of(double x) { return std::isnan(x) ? Value() : Value(x + 0.0); }
Value value_of(std::string_view text) { return std::string(text); }
Value value_of(types::Timestamp time) { return time; }

std::string json_of(double x) {
  return std::isfinite(x) ? fmt::format("{}", x + 0.0) : fmt::format("\"{}\"", x);
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

double variance(std::span<const Counted<double>> values) {
  std::uint64_t size = 0;
  ExactSum sum, squares;
  for (const auto& [x, times] : values) {
    sum.add_times(x, times);
    size += times;
  }
  if (size < 2) return std::nan("");
  const double mean = sum.value() / static_cast<double>(size);
  for (const auto& [x, times] : values) {
    const double square = (x - mean) * (x - mean);
    if (std::isnan(square)) return square;
    squares.add_times(square, times);
  }
  return squares.value() / static_cast<double>(size - 1);
}

// As numpy does it: from the nearer of the two.
double between(double below, double above, double share) {
  const double apart = above - below;
  return share < 0.5 ? below + apart * share : above - apart * (1 - share);
}

double quantile(std::span<double> values, double q) {
  const double place = static_cast<double>(values.size() - 1) * q;
  const auto below = values.begin() + static_cast<std::ptrdiff_t>(std::floor(place));
  std::ranges::nth_element(values, below);
  const double share = place - std::floor(place);
  if (share == 0) return *below;
  return between(*below, *std::min_element(below + 1, values.end()), share);
}

// `values` are in order, each once.
double quantile(std::span<const Counted<double>> values, double q) {
  std::uint64_t size = 0;
  for (const auto& [x, times] : values) size += times;
  const double place = static_cast<double>(size - 1) * q;
  const double share = place - std::floor(place);
  auto left = static_cast<std::uint64_t>(std::floor(place));
  auto at = values.begin();
  while (left >= at->times) {
    left -= at->times;
    ++at;
  }
  if (share == 0) return at->value;
  return between(at->value, left + 1 < at->times ? at->value : std::next(at)->value, share);
}

// The different values in order.
template <typename T>
std::vector<Counted<T>> counted(std::span<T> values) {
  std::ranges::sort(values);
  std::vector<Counted<T>> counts;
  for (const T& value : values) {
    if (counts.empty() || counts.back().value != value) {
      counts.push_back({value});
    } else {
      ++counts.back().times;
    }
  }
  return counts;
}

// Most frequent first.
template <typename T>
void sort_by_frequency(std::vector<Counted<T>>& counts) {
  std::ranges::stable_sort(counts, std::greater<>(), &Counted<T>::times);
}

template <typename T>
Value top(std::vector<Counted<T>> counts, std::size_t k) {
  std::string json = "[";
  sort_by_frequency(counts);
  if (counts.size() > k) counts.resize(k);
  for (const Counted<T>& one : counts) json += (json.size() > 1 ? "," : "") + json_of(one.value);
  return json + "]";
}

template <typename T>
Value mode(std::vector<Counted<T>> counts) {
  sort_by_frequency(counts);
  return value_of(counts.front().value);
}

template <typename T>
Value any_of_counted(const Aggregate& aggregate, std::vector<Counted<T>>& values) {
  std::ranges::sort(values, {}, &Counted<T>::value);
  std::size_t different = 0;
  for (const Counted<T>& one : values) {
    if (different > 0 && values[different - 1].value == one.value) {
      values[different - 1].times += one.times;
    } else {
      values[different++] = one;
    }
  }
  values.resize(different);
  if (aggregate.function == AggregateFunction::kDistinct) return static_cast<double>(different);
  if (values.empty()) return {};
  if (aggregate.function == AggregateFunction::kTopK)
    return top(std::move(values), static_cast<std::size_t>(aggregate.parameter));
  CHECK(aggregate.function == AggregateFunction::kMode);
  return mode(std::move(values));
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
      return top(counted(values), static_cast<std::size_t>(aggregate.parameter));
    case AggregateFunction::kMode:
      return mode(counted(values));
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

Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<double>> values) {
  if (aggregate.function == AggregateFunction::kVariance) return value_of(variance(values));
  if (aggregate.function == AggregateFunction::kStddev)
    return value_of(std::sqrt(variance(values)));
  if (aggregate.function == AggregateFunction::kQuantile) {
    if (values.empty()) return {};
    std::ranges::sort(values, {}, &Counted<double>::value);
    return value_of(quantile(std::span<const Counted<double>>(values), aggregate.parameter));
  }
  return any_of_counted(aggregate, values);
}

Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<std::string_view>> values) {
  return any_of_counted(aggregate, values);
}

Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<types::Timestamp>> values) {
  return any_of_counted(aggregate, values);
}

}  // namespace slipway::features
