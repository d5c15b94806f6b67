// The random draws of numpy's RandomState, for measures that agree with Python's to the digit.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace slipway::monitor {

// Mersenne Twister, seeded and read as numpy.random.RandomState(seed) does. One thread at a time.
class NumpyDraws {
 public:
  explicit NumpyDraws(std::uint32_t seed) : twister_(seed) {}

  // random_sample(): in [0, 1).
  double uniform();
  // randint(low, high): `high` is not among them, and less than 2^32 above low.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  // permutation(count).
  std::vector<std::uint32_t> permutation(std::uint32_t count);

 private:
  std::uint32_t at_most(std::uint32_t most);

  std::mt19937 twister_;
};

}  // namespace slipway::monitor
