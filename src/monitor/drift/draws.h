// Random draws for permutation tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slipway::monitor {

// splitmix64 from a seed: a test gives the same p value whenever it is asked. One thread at a time.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  double uniform();  // in [0, 1)
  // Below `count`, which is at most 2^32.
  std::uint64_t below(std::uint64_t count) { return ((next() >> 32) * count) >> 32; }

  // How many of `wanted` rows drawn without replacement are among the first `good` of good + bad.
  // By inversion outwards from the mode: a number of steps like the standard deviation.
  double hypergeometric(double good, double bad, double wanted);

 private:
  std::uint64_t state_;
};

// At most `most` of so many rows, ascending, each equally likely; the same ones every time.
std::vector<std::size_t> rows_drawn(std::size_t rows, std::size_t most, std::uint64_t seed);
// Both sides are drawn from seeds of their own.
constexpr std::uint64_t kReferenceSeed = 1, kCurrentSeed = 2;

}  // namespace slipway::monitor
