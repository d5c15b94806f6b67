#include "monitor/drift/radix_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/check.h"

namespace slipway::monitor {
namespace {

// The upper bits are sorted by their digits; in what is equal there, values are few or the same.
constexpr int kDigitBits = 11, kDigits = 3, kLowBits = 64 - kDigitBits * kDigits;
constexpr std::size_t kBuckets = std::size_t{1} << kDigitBits;
constexpr std::size_t kWorthIt = 2048;  // below, comparing is faster

// Bits whose order as whole numbers is the order of the doubles.
std::uint64_t key_of(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return bits ^ (static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) >> 63) | (1ull << 63));
}
std::size_t digit_of(std::uint64_t key, int digit) {
  return (key >> (kLowBits + digit * kDigitBits)) & (kBuckets - 1);
}

// Sorts each run of values whose upper bits are equal.
void sort_runs(std::vector<double>& values) {
  const auto upper = [](double value) { return key_of(value) >> kLowBits; };
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i - 1] <= values[i]) continue;
    // Out of order: in the middle of a run, all of which is looked at now.
    const std::uint64_t run = upper(values[i]);
    std::size_t from = i - 1, to = i + 1;
    while (from > 0 && upper(values[from - 1]) == run) --from;
    while (to < values.size() && upper(values[to]) == run) ++to;
    std::sort(values.begin() + static_cast<std::ptrdiff_t>(from),
              values.begin() + static_cast<std::ptrdiff_t>(to));
    i = to;
  }
}

}  // namespace

std::vector<double> radix_sorted(std::span<const double> values) {
  CHECK(values.size() < (std::size_t{1} << 32));
  if (values.size() < kWorthIt) {
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  std::vector<std::array<std::uint32_t, kBuckets>> counts(kDigits);
  for (const double value : values) {
    const std::uint64_t key = key_of(value);
    for (int digit = 0; digit < kDigits; ++digit) {
      ++counts[static_cast<std::size_t>(digit)][digit_of(key, digit)];
    }
  }
  // From the values to `sorted`, from there to `other` and back.
  std::vector<double> sorted(values.size());
  const auto other = std::make_unique_for_overwrite<double[]>(values.size());
  const double* from = values.data();
  double* to = sorted.data();
  for (int digit = 0; digit < kDigits; ++digit) {
    auto& count = counts[static_cast<std::size_t>(digit)];
    if (count[digit_of(key_of(from[0]), digit)] == values.size()) continue;
    std::uint32_t before = 0;
    for (std::uint32_t& bucket : count) before += std::exchange(bucket, before);
    for (std::size_t i = 0; i < values.size(); ++i) {
      to[count[digit_of(key_of(from[i]), digit)]++] = from[i];
    }
    from = to;
    to = to == sorted.data() ? other.get() : sorted.data();
  }
  if (from != sorted.data()) std::copy(from, from + values.size(), sorted.data());
  sort_runs(sorted);
  return sorted;
}

}  // namespace slipway::monitor
