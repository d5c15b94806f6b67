// Maximum mean discrepancy of two samples of numbers. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace slipway::monitor {

struct KernelTest {
  double statistic = 0;  // unbiased estimate of the squared discrepancy
  double p_value = 1;
};

// Sizes of the kernel's matrix and of the test.
struct KernelOptions {
  std::size_t sample_max = 1000;  // values of each side that are looked at, drawn by `seed`
  std::size_t permutations = 500;
  std::uint64_t seed = 0;
};
// Gaussian kernel, its width from the median distance within the reference; p value by
// permutations. NaN with fewer than two values a side.
KernelTest maximum_mean_discrepancy(std::span<const double> reference,
                                    std::span<const double> current,
                                    const KernelOptions& options = {});

}  // namespace slipway::monitor
