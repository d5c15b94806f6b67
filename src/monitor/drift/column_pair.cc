#include "monitor/drift/column_pair.h"

#include <algorithm>

#include "monitor/drift/distinct_values.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kDistinctMax = 20;

}  // namespace

std::size_t distinct_values(std::span<const double> sorted, std::size_t most) {
  std::size_t distinct = 0;
  for (auto at = sorted.begin(); at != sorted.end() && distinct <= most; ++distinct) {
    at = std::upper_bound(at, sorted.end(), *at);
  }
  return distinct;
}

std::size_t distinct_values(const NumberPair& pair, std::size_t most) {
  auto a = pair.reference.begin(), b = pair.current.begin();
  std::size_t distinct = 0;
  while (distinct <= most && (a != pair.reference.end() || b != pair.current.end())) {
    const double value =
        b == pair.current.end() || (a != pair.reference.end() && *a < *b) ? *a : *b;
    a = std::upper_bound(a, pair.reference.end(), value);
    b = std::upper_bound(b, pair.current.end(), value);
    ++distinct;
  }
  return distinct;
}

std::vector<double> values_of(const NumberPair& pair) {
  std::vector<double> values;
  each_distinct_value(pair.reference, pair.current,
                      [&](double value, auto...) { values.push_back(value); });
  return values;
}

CategoryPair by_value(const NumberPair& pair) {
  CategoryPair table{.reference_inflation = pair.reference_inflation,
                     .current_inflation = pair.current_inflation};
  each_distinct_value(
      pair.reference, pair.current,
      [&](double, std::size_t, std::size_t here_a, std::size_t, std::size_t here_b) {
        table.reference.push_back(static_cast<double>(here_a));
        table.current.push_back(static_cast<double>(here_b));
      });
  return table;
}

CategoryPair evidently_bins(const NumberPair& pair) {
  if (pair.reference.empty() || pair.current.empty()) return {};
  if (distinct_values(pair.reference, kDistinctMax) <= kDistinctMax) return by_value(pair);
  const std::vector<double> edges =
      sturges_edges(std::min(pair.reference.front(), pair.current.front()),
                    std::max(pair.reference.back(), pair.current.back()),
                    pair.reference.size() + pair.current.size(), pair.values);
  return {.reference = histogram(pair.reference, edges),
          .current = histogram(pair.current, edges),
          .reference_inflation = pair.reference_inflation,
          .current_inflation = pair.current_inflation};
}

}  // namespace slipway::monitor
