// What packed rows and tiles have in common as bytes: little-endian numbers, parts padded to eight.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>

namespace slipway::features {

static_assert(std::endian::native == std::endian::little, "packed bytes are little-endian");

// A number that may lie anywhere.
template <typename T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline std::size_t padded(std::size_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace slipway::features
