// Walks through two sorted samples together.
#pragma once

#include <cstddef>
#include <span>

namespace slipway::monitor {

// Calls each(value, below_a, here_a, below_b, here_b) for every different value of both samples,
// ascending: how many values of each lie below it, and how many are equal to it.
template <typename Each>
void each_distinct_value(std::span<const double> a, std::span<const double> b, Each&& each) {
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const double value = j == b.size() || (i < a.size() && a[i] <= b[j]) ? a[i] : b[j];
    const std::size_t from_a = i, from_b = j;
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    each(value, from_a, i - from_a, from_b, j - from_b);
  }
}

}  // namespace slipway::monitor
