#include "versions/chunker.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace slipway::versions {
namespace {

// A random number for each byte (SplitMix64 from 0).
constexpr std::array<std::uint64_t, 256> kGear = [] {
  std::array<std::uint64_t, 256> gear{};
  std::uint64_t state = 0;
  for (std::uint64_t& number : gear) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    number = z ^ (z >> 31);
  }
  return gear;
}();

// The upper bits have seen the last 64 bytes. 2^18 is the usual size: cuts are four times rarer
// before it and four times likelier after.
constexpr std::uint64_t top_bits(int count) { return ~std::uint64_t{0} << (64 - count); }
constexpr std::uint64_t kBefore = top_bits(20), kAfter = top_bits(16);
static_assert(kChunkBytesUsual == 1 << 18);

// How many bytes are looked at side by side with as many behind them, and what a hash has seen.
constexpr std::size_t kStretch = 4096, kSeen = 64;

std::uint64_t roll(std::uint64_t hash, unsigned char byte) { return (hash << 1) + kGear[byte]; }

// The position after the first byte in [from, to) where a chunk may end, or `to`; then `hash` goes
// on. Each step waits for the one before, so two stretches go side by side.
std::size_t find_cut(const unsigned char* bytes, std::size_t from, std::size_t to,
                     std::uint64_t mask, std::uint64_t& hash) {
  std::size_t at = from;
  for (; to - at >= 2 * kStretch; at += 2 * kStretch) {
    const unsigned char* const first = bytes + at;
    const unsigned char* const second = first + kStretch;
    std::uint64_t of_second = 0;
    for (std::size_t i = 0; i < kSeen; ++i) of_second = roll(of_second, *(second - kSeen + i));
    std::size_t cut = 0;  // of the second
    for (std::size_t i = 0; i < kStretch; ++i) {
      hash = roll(hash, first[i]);
      if ((hash & mask) == 0) [[unlikely]]
        return at + i + 1;
      of_second = roll(of_second, second[i]);
      if ((of_second & mask) == 0 && cut == 0) [[unlikely]]
        cut = at + kStretch + i + 1;
    }
    hash = of_second;
    if (cut != 0) return cut;
  }
  for (; at < to; ++at) {
    hash = roll(hash, bytes[at]);
    if ((hash & mask) == 0) [[unlikely]]
      return at + 1;
  }
  return to;
}

}  // namespace

std::size_t next_chunk(std::string_view bytes) {
  const std::size_t most = std::min(bytes.size(), kChunkBytesMax);
  if (most <= kChunkBytesMin) return most;
  const auto* const front = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t usual = std::min(most, kChunkBytesUsual);
  std::uint64_t hash = 0;
  const std::size_t cut = find_cut(front, kChunkBytesMin, usual, kBefore, hash);
  if (cut < usual) return cut;
  return find_cut(front, usual, most, kAfter, hash);
}

}  // namespace slipway::versions
