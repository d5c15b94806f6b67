#include "monitor/drift/repeated_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <string>

namespace slipway::monitor {
namespace {

std::uint64_t mixed(std::uint64_t z) {
  z += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

std::uint64_t hash_of(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return 1;
  switch (column.type) {
    case types::ColumnType::kString:
      return std::hash<std::string>()(column.strings[row]);
    case types::ColumnType::kDouble: {
      const double value = column.doubles[row];
      // A gap is a gap, and a zero a zero.
      return std::isnan(value) ? 1 : std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value);
    }
    case types::ColumnType::kInt64:
    case types::ColumnType::kBool:
    case types::ColumnType::kTimestamp:
      return static_cast<std::uint64_t>(column.ints[row]);
  }
  return 1;
}

}  // namespace

std::uint64_t cell_hash(const types::Column& column, std::size_t place, std::size_t row) {
  return mixed(hash_of(column, row) ^ mixed(place));
}

std::int64_t repeated_rows(std::vector<std::uint64_t> hashes) {
  std::sort(hashes.begin(), hashes.end());
  return hashes.end() - std::unique(hashes.begin(), hashes.end());
}

}  // namespace slipway::monitor
