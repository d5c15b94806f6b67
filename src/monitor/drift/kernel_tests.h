// Maximum mean discrepancy of two samples. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "monitor/drift/draws.h"

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

// How alike two rows are, by their numbers: the reference's come first.
using Kernel = std::function<double(std::size_t, std::size_t)>;
// Of m and n rows. The p value is the share of random divisions that are as far apart; 1 without
// permutations. NaN with fewer than two rows a side.
KernelTest kernel_two_sample_test(std::size_t m, std::size_t n, std::size_t permutations,
                                  Draws& draws, const Kernel& kernel);

}  // namespace slipway::monitor
