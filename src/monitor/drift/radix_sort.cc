#include "monitor/drift/radix_sort.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "base/check.h"

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

std::vector<double> radix_sorted(std::span<const double> values) {
  std::vector<double> from(values.begin(), values.end());
  CHECK(values.size() < (std::size_t{1} << 32));
  if (values.size() < kWorthIt) {
    std::sort(from.begin(), from.end());
    return from;
  }
  std::vector<std::array<std::uint32_t, kBuckets>> counts(kDigits);
  for (double& value : from) {
    const std::uint64_t key = key_of(value);
    value = std::bit_cast<double>(key);
    for (int digit = 0; digit < kDigits; ++digit) {
      ++counts[static_cast<std::size_t>(digit)][digit_of(key, digit)];
    }
  }
  std::vector<double> to(values.size());
  for (int digit = 0; digit < kDigits; ++digit) {
    auto& count = counts[static_cast<std::size_t>(digit)];
    if (count[digit_of(std::bit_cast<std::uint64_t>(from[0]), digit)] == from.size()) continue;
    std::uint32_t before = 0;
    for (std::uint32_t& bucket : count) before += std::exchange(bucket, before);
    for (const double moved : from) {
      to[count[digit_of(std::bit_cast<std::uint64_t>(moved), digit)]++] = moved;
    }
    from.swap(to);
  }
  for (double& value : from) value = value_of(std::bit_cast<std::uint64_t>(value));
  return from;
}

}  // namespace slipway::monitor
