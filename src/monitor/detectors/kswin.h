#pragma once

#include <array>
#include <deque>
#include <vector>

#include "monitor/detectors/detector.h"

namespace slipway::monitor {

// Python's random.Random(seed): the generator and its sample(), so that a seed means here what it
// means in river.
class PythonRandom {
 public:
  explicit PythonRandom(std::uint32_t seed);

  // `count` different whole numbers below `below`, as random.sample(range(below), count).
  std::vector<std::size_t> sample(std::size_t below, std::size_t count);

  void write(ByteWriter& out) const;
  Result<void> read(ByteReader& in);

 private:
  static constexpr std::size_t kWords = 624;
  std::uint32_t next();
  std::size_t below(std::size_t limit);

  std::array<std::uint32_t, kWords> words_{};
  std::size_t at_ = kWords;
};

// Kolmogorov-Smirnov windowing (Raab, Heusinger and Schleif 2020): the newest `stat_size` values
// against as many drawn from the rest of a window. It asks anew with every value, so `alpha` is the
// chance of one answer, not of an alarm.
class Kswin final : public Detector {
 public:
  struct Options {
    double alpha = 0.005;
    std::size_t window_size = 100, stat_size = 30;
    std::uint32_t seed = 0;
  };
  explicit Kswin(Options options) : options_(options), random_(options.seed) {}

  bool update(double value) override;
  void write(ByteWriter& out) const override;
  Result<void> read(ByteReader& in) override;

 private:
  const Options options_;
  PythonRandom random_;
  std::deque<double> window_;
  bool changed_ = false;
};

}  // namespace slipway::monitor
