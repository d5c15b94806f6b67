// Cells as 64 bits: two have the same ones when they are the same value, and else only by chance.
#pragma once

#include <cstdint>
#include <vector>

#include "types/frame.h"

namespace slipway::datasets {

// SplitMix64's: one to one, and every bit of the input counts for every bit of the output.
inline std::uint64_t mix_bits(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58'476d'1ce4'e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d0'49bb'1331'11eb;
  return bits ^ (bits >> 31);
}

// How cells of one column in two tables are told apart: as numbers and times are, or as the text
// that people read, where types have nothing else in common.
enum class CompareAs { kValue, kText };

// Of each cell. Whole numbers are the same as int64, as double and as bool; NaN is NaN, -0 is 0; a
// missing value is one of its own. Another `seed` gives other, independent bits.
void hash_cells(const types::Column& column, CompareAs as, std::uint64_t seed,
                std::vector<std::uint64_t>& hashes);

}  // namespace slipway::datasets
