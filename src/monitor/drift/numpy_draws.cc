#include "monitor/drift/numpy_draws.h"

#include <bit>
#include <numeric>
#include <utility>

namespace slipway::monitor {

double NumpyDraws::uniform() {
  const double high = static_cast<double>(twister_() >> 5);
  const double low = static_cast<double>(twister_() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

// Draws of as many bits until one fits.
std::uint32_t NumpyDraws::at_most(std::uint32_t most) {
  if (most == 0) return 0;
  const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(most);
  std::uint32_t value = 0;
  do {
    value = static_cast<std::uint32_t>(twister_()) & mask;
  } while (value > most);
  return value;
}

std::int64_t NumpyDraws::integer(std::int64_t low, std::int64_t high) {
  return low + at_most(static_cast<std::uint32_t>(high - 1 - low));
}

std::vector<std::uint32_t> NumpyDraws::permutation(std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  for (std::uint32_t i = count; i-- > 1;) std::swap(order[i], order[at_most(i)]);
  return order;
}

}  // namespace slipway::monitor
