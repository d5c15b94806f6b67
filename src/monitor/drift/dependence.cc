#include "monitor/drift/dependence.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace slipway::monitor {
namespace {

constexpr std::size_t kBlocks = 40, kStretch = 8, kStretches = kBlocks - kStretch + 1;
constexpr std::size_t kRowsPerBlockMin = 2;
constexpr std::size_t kCategoriesMax = 64;  // with more, each has too few rows to tell
constexpr std::uint32_t kNoNumber = std::numeric_limits<std::uint32_t>::max();

}  // namespace

double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories) {
  const std::size_t rows = codes.size() / kBlocks;  // a rest shorter than a block is left out
  if (rows < kRowsPerBlockMin || categories < 2) return 1;
  // Those that come, numbered: of the other side there may be many more.
  std::vector<std::uint32_t> numbers(categories, kNoNumber);
  std::uint32_t met = 0;
  for (const std::uint32_t code : codes) {
    if (numbers[code] != kNoNumber) continue;
    if (met == kCategoriesMax) return 1;
    numbers[code] = met++;
  }
  std::vector<double> counts(kBlocks * met, 0.0), all(met, 0.0);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    double* of_block = &counts[block * met];
    for (const std::uint32_t code : codes.subspan(block * rows, rows)) of_block[numbers[code]] += 1;
    for (std::size_t k = 0; k < met; ++k) all[k] += of_block[k];
  }
  double chi_square = 0, present = 0;
  for (std::size_t k = 0; k < met; ++k) {
    if (all[k] <= 0) continue;
    present += 1;
    const double expected = all[k] / kBlocks;
    double stretch = 0;  // what the last kStretch blocks have too many
    for (std::size_t block = 0; block < kBlocks; ++block) {
      stretch += counts[block * met + k] - expected;
      if (block + 1 < kStretch) continue;
      chi_square += stretch * stretch / (expected * kStretch);
      stretch -= counts[(block + 1 - kStretch) * met + k] - expected;
    }
  }
  if (present < 2) return 1;
  // A stretch is compared with the whole that it is a part of.
  constexpr double kPart = 1 - static_cast<double>(kStretch) / kBlocks;
  return std::max(1.0, chi_square / ((present - 1) * kStretches * kPart));
}

}  // namespace slipway::monitor
