// How many different values there are, in two kilobytes (HyperLogLog; Flajolet et al. 2007).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "monitor/profile/bytes.h"

namespace slipway::monitor {

// 2048 registers, each the most leading zeros that a hash of its values had. Merging takes the
// larger of each two, so the order and the shape of merges change nothing, to the last bit. A
// value.
//
// estimate() has no bias and a standard error of kRelativeError, from one value to 10^18 (Ertl's
// estimator, 2017): two standard errors hold 95 of 100 times.
class HllSketch {
 public:
  static constexpr int kBits = 11;
  static constexpr double kRelativeError = 0.02298;  // 1.04 / sqrt(2048)

  void add_hash(std::uint64_t hash);
  static std::uint64_t hash_of(double value);  // -0 is 0
  static std::uint64_t hash_of(std::string_view text);
  void merge(const HllSketch& other);

  double estimate() const;
  bool operator==(const HllSketch&) const = default;

  void write(ByteWriter& out) const;
  static Result<HllSketch> read(ByteReader& in);

 private:
  std::array<std::uint8_t, std::size_t{1} << kBits> registers_{};
};

}  // namespace slipway::monitor
