// Rows that correct others. Of the rows of one source that have the same keys and the same
// deduplication key the one counts that has arrived last; of several that arrived at once the last
// in the order of rows. So a row counts from its arrival on, until that of the next one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <tuple>
#include <vector>

namespace slipway::features {

// Until when a row counts that nothing has corrected.
inline constexpr std::int64_t kStillCounts = std::numeric_limits<std::int64_t>::max();

// A row that may be corrected, or correct another.
struct Correctable {
  std::uint64_t key;  // its deduplication key: rows of different keys have different ones
  std::int64_t arrival;
  std::size_t row;  // its place in the order of event time, arrival time and identity

  auto order() const { return std::tie(key, arrival, row); }
};

// Calls visit(row, until) for each row that another one corrects. Puts `rows` into another order.
template <typename Visit>
void for_corrected(std::vector<Correctable>& rows, Visit visit) {
  std::ranges::sort(rows, {}, &Correctable::order);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i - 1].key == rows[i].key) visit(rows[i - 1].row, rows[i].arrival);
  }
}

}  // namespace slipway::features
