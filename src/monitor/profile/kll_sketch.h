// How values are distributed, in a few kilobytes however many there are (Karnin, Lang and Liberty
// 2016, with the parameters of Apache DataSketches).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "monitor/profile/bytes.h"

namespace slipway::monitor {

// Keeps some hundred of the values: of a level's sorted values every other one moves up a level,
// where each stands for twice as many. Exact up to kSize values.
//
// A rank (the share of values at or below one) is off by at most rank_error() in 99 of 100 cases,
// for one question; rank_error_everywhere() holds for all ranks at once. Merging in any order keeps
// that: the bounds are those of one sketch of all values. Which of two neighbours moves up is
// decided by the values met so far, so that the same values in the same order make the same sketch.
// A value; copying copies.
class KllSketch {
 public:
  static constexpr int kSize = 200;

  KllSketch();

  // Finite values.
  void add(std::span<const double> values);
  void merge(const KllSketch& other);

  std::uint64_t count() const { return count_; }
  double min() const { return min_; }  // exact; NaN without values
  double max() const { return max_; }
  // For each share in [0, 1], a value that about that share of the values is not above; NaN without
  // values. The 0 and the 1 are exact.
  std::vector<double> quantiles(std::span<const double> shares) const;
  // For each value the share of values at or below it.
  std::vector<double> ranks(std::span<const double> values) const;
  bool is_exact() const { return levels_.size() == 1; }
  double rank_error() const;             // 0.0133, or 0 while exact
  double rank_error_everywhere() const;  // 0.0165
  std::size_t retained() const { return retained_; }

  void write(ByteWriter& out) const;
  // kCorruption: not what write() wrote.
  static Result<KllSketch> read(ByteReader& in);

 private:
  struct Weighted {
    double value = 0;
    std::uint64_t weight = 0;  // then: how many values are at or below
  };
  std::vector<Weighted> cumulated() const;
  std::size_t capacity(std::size_t level) const;
  void set_levels(std::size_t levels);
  void compress();

  std::vector<std::vector<double>> levels_;  // 0 in the order of arrival, the others sorted
  std::size_t retained_ = 0, capacity_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t coin_ = 0;
  double min_, max_;
};

}  // namespace slipway::monitor
