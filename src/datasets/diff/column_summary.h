// What the columns of a table look like, of rows that come by once, and how far two tables are from
// each other in that.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "types/frame.h"

namespace slipway::datasets {

// About how many different values there were (HyperLogLog, Flajolet et al. 2007): within 2 %
// mostly.
class DistinctCounter {
 public:
  void add(std::uint64_t hash) {
    const auto place = hash >> (64 - kBits);
    const auto rank = static_cast<std::uint8_t>(__builtin_clzll((hash << kBits) | 1) + 1);
    if (rank > ranks_[place]) ranks_[place] = rank;
  }
  std::int64_t about() const;

 private:
  static constexpr int kBits = 12;
  std::array<std::uint8_t, 1 << kBits> ranks_{};
};

// All values of one column.
struct ColumnSummary {
  std::int64_t rows = 0, missing = 0, nan = 0;
  // Of numbers that are finite; of times in microseconds.
  std::int64_t values = 0;
  double sum = 0;
  std::optional<double> least, greatest;    // of numbers
  std::optional<std::int64_t> first, last;  // of times
  DistinctCounter distinct;

  // `hashes`: of the cells.
  void add(const types::Column& column, const std::vector<std::uint64_t>& hashes);
};

// The rows of a table whose keys have the smallest hashes: of two tables they are the same rows, so
// that what has not changed doesn't look as if it had. One thread at a time.
class RowSample {
 public:
  explicit RowSample(std::size_t rows_max) : rows_max_(rows_max) {}

  // `hashes`: of the rows' keys, or of what else tells rows apart.
  void add(const types::Frame& piece, const std::vector<std::uint64_t>& hashes);

  // Rows with a larger hash were left out.
  std::uint64_t hash_max() const { return hash_max_; }
  // Those up to a hash, which is no larger than hash_max().
  types::Frame rows(std::uint64_t up_to) const;

 private:
  void shrink();

  const std::size_t rows_max_;
  std::uint64_t hash_max_ = ~std::uint64_t{0};
  std::vector<std::uint64_t> hashes_;
  types::Frame rows_;
};

// "type", "rows", "missing", "missing_share", "distinct" (about); numbers "nan", "min", "max",
// "mean"; times "min", "max"; and of the sample's rows "stddev", "p05", "p50", "p95" and texts'
// "top", as profile() tells them.
JsonObject summary_json(const ColumnSummary& summary, const types::Column& sample);

// How far two samples of a column are from each other, from 0 (alike) to 1.
struct Drift {
  std::string measure;  // "kolmogorov_smirnov" of numbers and times, "total_variation" of others
  double value = 0;
};
// Nothing: one of them has no values, or they are of types that have nothing in common.
std::optional<Drift> drift(const types::Column& before, const types::Column& after);

}  // namespace slipway::datasets
