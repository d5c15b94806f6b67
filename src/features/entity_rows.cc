#include "features/entity_rows.h"

#include <algorithm>
#include <numeric>

namespace slipway::features {

std::uint32_t first_time_from(const std::int64_t* times, std::uint32_t begin, std::uint32_t end,
                              std::int64_t time, std::uint32_t near) {
  constexpr int kStepsMax = 8;  // then it is not close
  int steps = 0;
  if (near < end && times[near] < time) {
    while (near < end && times[near] < time && steps < kStepsMax) ++near, ++steps;
    if (steps < kStepsMax) return near;
    return static_cast<std::uint32_t>(std::lower_bound(times + near, times + end, time) - times);
  }
  while (near > begin && times[near - 1] >= time && steps < kStepsMax) --near, ++steps;
  if (steps < kStepsMax) return near;
  return static_cast<std::uint32_t>(std::lower_bound(times + begin, times + near, time) - times);
}

EntityRows::EntityRows(std::span<const types::Column* const> keys,
                       std::span<const std::int64_t> times)
    : codes_(keys), slots_(times.size(), kNoSlot) {
  CHECK(times.size() < kNoSlot);
  const std::vector<std::uint32_t> codes = codes_.take_codes();
  starts_.assign(codes_.size() + 1, 0);
  for (const std::uint32_t code : codes) {
    if (code != KeyCodes::kMissing) ++starts_[code + 1];
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  times_.resize(starts_.back());
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1), rows(starts_.back());
  for (std::size_t row = 0; row < codes.size(); ++row) {
    if (codes[row] == KeyCodes::kMissing) continue;
    const std::uint32_t slot = next[codes[row]]++;
    rows[slot] = static_cast<std::uint32_t>(row);
    times_[slot] = times[row];
    slots_[row] = slot;
  }
  for (std::size_t key = 0; key + 1 < starts_.size(); ++key) {
    if (std::is_sorted(times_.begin() + starts_[key], times_.begin() + starts_[key + 1])) continue;
    std::stable_sort(rows.begin() + starts_[key], rows.begin() + starts_[key + 1],
                     [&](std::uint32_t a, std::uint32_t b) { return times[a] < times[b]; });
    for (std::uint32_t slot = starts_[key]; slot < starts_[key + 1]; ++slot) {
      times_[slot] = times[rows[slot]];
      slots_[rows[slot]] = slot;
    }
  }
}

}  // namespace slipway::features
