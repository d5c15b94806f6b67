#pragma once

#include <vector>

#include "monitor/detectors/detector.h"

namespace slipway::monitor {

// Adaptive windowing (Bifet and Gavaldà 2007): keeps as much of the past as looks like the present,
// in buckets of 1, 2, 4, ... values; every `clock` values it asks whether two parts of the window
// differ in their means by more than chance allows. River's computation, step by step.
class Adwin final : public Detector {
 public:
  struct Options {
    double delta = 0.002;
    std::int64_t clock = 32, max_buckets = 5, min_window_length = 5, grace_period = 10;
  };
  explicit Adwin(Options options) : options_(options) { reset(); }

  bool update(double value) override;
  void write(ByteWriter& out) const override;
  Result<void> read(ByteReader& in) override;

 private:
  struct Bucket {
    double total = 0, variance = 0;
  };

  void reset();
  void insert(double value);
  void compress();
  double forget_oldest();
  bool shrink();
  bool differs(double older, double newer, double means) const;

  const Options options_;
  std::vector<std::vector<Bucket>> rows_;  // row r holds buckets of 2^r values, the oldest first
  double width_ = 0, total_ = 0, variance_ = 0;
  std::int64_t ticks_ = 0;
  bool changed_ = false;
};

}  // namespace slipway::monitor
