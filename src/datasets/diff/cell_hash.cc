#include "datasets/diff/cell_hash.h"

#include <bit>
#include <cmath>

#include "base/hash.h"
#include "datasets/validation.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;

constexpr std::uint64_t kMissing = 0x9e37'79b9'7f4a'7c15, kFraction = 0xc2b2'ae3d'27d4'eb4f,
                        kNan = 0x1656'67b1'9e37'79f9;

std::uint64_t bits_of(double value) {
  constexpr double kInts = 0x1p63;
  if (value >= -kInts && value < kInts) {
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) == value) return static_cast<std::uint64_t>(whole);
  }
  return std::isnan(value) ? kNan : std::bit_cast<std::uint64_t>(value) + kFraction;
}

}  // namespace

void hash_cells(const Column& column, CompareAs as, std::uint64_t seed,
                std::vector<std::uint64_t>& hashes) {
  const std::size_t rows = column.size();
  hashes.resize(rows);
  seed = mix_bits(seed);
  if (column.type == ColumnType::kString) {
    for (std::size_t row = 0; row < rows; ++row)
      hashes[row] = base::hash64(column.strings[row], seed);
  } else if (as == CompareAs::kText) {
    for (std::size_t row = 0; row < rows; ++row)
      hashes[row] = base::hash64(cell_text(column, row), seed);
  } else if (column.type == ColumnType::kDouble) {
    for (std::size_t row = 0; row < rows; ++row)
      hashes[row] = mix_bits(bits_of(column.doubles[row]) + seed);
  } else {
    for (std::size_t row = 0; row < rows; ++row)
      hashes[row] = mix_bits(static_cast<std::uint64_t>(column.ints[row]) + seed);
  }
  for (std::size_t row = 0; row < column.valid.size(); ++row) {
    if (column.valid[row] == 0) hashes[row] = mix_bits(kMissing + seed);
  }
}

}  // namespace slipway::datasets
