#include "monitor/drift/radix_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace slipway::monitor {
namespace {

constexpr int kDigitBits = 11, kDigits = 6;
constexpr std::size_t kBuckets = std::size_t{1} << kDigitBits;
constexpr std::size_t kWorthIt = 2048;  // below, comparing is faster

// Bits whose order as whole numbers is the order of the doubles, and back.
std::uint64_t key_of(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return bits ^ (static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) >> 63) | (1ull << 63));
}
double value_of(std::uint64_t key) {
  const std::uint64_t sign = static_cast<std::uint64_t>(static_cast<std::int64_t>(~key) >> 63);
  return std::bit_cast<double>(key ^ (sign | (1ull << 63)));
}

std::size_t digit_of(std::uint64_t key, int digit) {
  return (key >> (digit * kDigitBits)) & (kBuckets - 1);
}

}  // namespace

void radix_sort(std::vector<double>& values) {
  if (values.size() < kWorthIt) {
    std::sort(values.begin(), values.end());
    return;
  }
  std::vector<std::array<std::size_t, kBuckets>> counts(kDigits);
  std::vector<std::uint64_t> from(values.size()), to(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t key = from[i] = key_of(values[i]);
    for (int digit = 0; digit < kDigits; ++digit) {
      ++counts[static_cast<std::size_t>(digit)][digit_of(key, digit)];
    }
  }
  for (int digit = 0; digit < kDigits; ++digit) {
    auto& count = counts[static_cast<std::size_t>(digit)];
    if (count[digit_of(from[0], digit)] == from.size()) continue;
    std::size_t before = 0;
    for (std::size_t& bucket : count) before += std::exchange(bucket, before);
    for (const std::uint64_t key : from) to[count[digit_of(key, digit)]++] = key;
    from.swap(to);
  }
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = value_of(from[i]);
}

}  // namespace slipway::monitor
