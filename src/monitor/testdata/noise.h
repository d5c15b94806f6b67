// Numbers that look drawn, the same in every language that multiplies 64-bit integers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace slipway::monitor {

// In [-0.5, 0.5), of a row and of what it is for.
inline double noise(std::size_t row, std::size_t salt) {
  std::uint64_t z = (row * 1'000'003 + salt * 7'919 + 12'345) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z ^= z >> 27;
  return static_cast<double>(z >> 40) / 16'777'216.0 - 0.5;
}

}  // namespace slipway::monitor
