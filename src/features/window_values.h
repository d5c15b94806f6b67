// Aggregates that need all values of a window at once: variance, stddev, first, last, distinct,
// top_k, mode, quantile, and the least and greatest text or time.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "features/definition.h"
#include "features/value.h"

namespace slipway::features {

// A value that is there several times.
template <typename T>
struct Counted {
  T value;
  std::uint64_t times = 1;
};

// Room for the values of a window, kept from one window to the next.
struct WindowValues {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<types::Timestamp> times;
};

// `values` are those that are there, in the order of events; they may be put into another order.
// Of none distinct gives 0, everything else a missing value.
//
//   variance    m = sum(x) / n, then sum((x - m)^2) / (n - 1), both sums exact (exact_sum.h); of
//               one value it is missing. stddev is its root.
//   quantile    between the two values around (n - 1) * q by linear interpolation
//   top_k       the most frequent values, of equally frequent ones the lesser first, as JSON:
//               ["JFK","EWR"], [3,1.5], times as RFC 3339. mode is the first of them itself.
Value aggregate_of(const Aggregate& aggregate, std::span<double> values);
Value aggregate_of(const Aggregate& aggregate, std::span<std::string_view> values);
Value aggregate_of(const Aggregate& aggregate, std::span<types::Timestamp> values);

// Of the same values, to the bit, where the order of events doesn't matter: variance, stddev,
// distinct, top_k, mode, quantile. A value may be there in several parts.
Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<double>> values);
Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<std::string_view>> values);
Value aggregate_of(const Aggregate& aggregate, std::vector<Counted<types::Timestamp>> values);

}  // namespace slipway::features
