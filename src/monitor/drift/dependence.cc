#include "monitor/drift/dependence.h"

#include <algorithm>
#include <vector>

namespace slipway::monitor {
namespace {

constexpr std::size_t kRowsPerBlockMin = 5;

}  // namespace

double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories) {
  const std::size_t rows = codes.size() / kDependenceBlocks;  // a rest shorter than a block is left
  if (rows < kRowsPerBlockMin || categories < 2) return 1;
  std::vector<double> counts(kDependenceBlocks * categories, 0.0), all(categories, 0.0);
  for (std::size_t block = 0; block < kDependenceBlocks; ++block) {
    double* of_block = &counts[block * categories];
    for (const std::uint32_t code : codes.subspan(block * rows, rows)) of_block[code] += 1;
    for (std::size_t k = 0; k < categories; ++k) all[k] += of_block[k];
  }
  double chi_square = 0, present = 0;
  for (std::size_t k = 0; k < categories; ++k) {
    if (all[k] <= 0) continue;
    present += 1;
    const double expected = all[k] / kDependenceBlocks;
    for (std::size_t block = 0; block < kDependenceBlocks; ++block) {
      const double difference = counts[block * categories + k] - expected;
      chi_square += difference * difference / expected;
    }
  }
  if (present < 2) return 1;
  return std::max(1.0, chi_square / ((present - 1) * (kDependenceBlocks - 1)));
}

}  // namespace slipway::monitor
