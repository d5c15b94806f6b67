// Mean and shape of numbers without the numbers (Welford; merged as in Pébay 2008).
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "monitor/profile/bytes.h"

namespace slipway::monitor {

// Count, mean and the sums of the second to fourth power of what differs from it. Each merge rounds
// once more: mean and variance keep a relative error of about 1e-15 times the merges behind them,
// wherever the values lie, since no large sums are subtracted. A value.
class RunningMoments {
 public:
  void add(std::span<const double> values);  // finite
  void merge(const RunningMoments& other);

  std::uint64_t count() const { return count_; }
  // NaN below one value (mean, deviation), or where all values are one (skewness, kurtosis).
  double mean() const;
  double deviation() const;  // of the population: divided by the count
  double skewness() const;
  double kurtosis() const;  // in excess of a normal one's

  void write(ByteWriter& out) const;
  static Result<RunningMoments> read(ByteReader& in);

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0, cubes_ = 0, fourths_ = 0;
};

}  // namespace slipway::monitor
