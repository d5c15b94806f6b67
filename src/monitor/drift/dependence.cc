#include "monitor/drift/dependence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace slipway::monitor {
namespace {

constexpr std::size_t kBlocks = 40, kStretch = 8, kStretches = kBlocks - kStretch + 1;
constexpr std::size_t kRowsPerBlockMin = 2;
constexpr std::size_t kFewRows =
    400;  // below it neighbours are asked, too: they take a swing for dependence
constexpr std::size_t kRowsMin = 4;         // fewer have no correlation
constexpr std::size_t kCategoriesMax = 64;  // with more, each has too few rows to tell
constexpr double kCorrelationMax = 0.97;    // what is closer to 1 can't be told from it
constexpr std::uint32_t kNoNumber = std::numeric_limits<std::uint32_t>::max();

// By stretches; `numbers` are below `met`.
double inflation_of_stretches(std::span<const std::uint32_t> numbers, std::size_t met) {
  const std::size_t rows = numbers.size() / kBlocks;  // a rest shorter than a block is left out
  if (rows < kRowsPerBlockMin) return 1;
  std::vector<double> counts(kBlocks * met, 0.0), all(met, 0.0);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    double* of_block = &counts[block * met];
    for (const std::uint32_t number : numbers.subspan(block * rows, rows)) of_block[number] += 1;
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

// How alike neighbours are: the correlation of ordered codes, or of being in a category, over all
// of them.
double correlation_of_neighbours(std::span<const std::uint32_t> codes, std::size_t categories,
                                 Scale scale) {
  const auto n = static_cast<double>(codes.size());
  double variance = 0, covariance = 0;
  if (scale == Scale::kOrdinal) {
    double mean = 0;
    for (const std::uint32_t code : codes) mean += code / n;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      variance += (codes[i] - mean) * (codes[i] - mean);
      if (i > 0) covariance += (codes[i] - mean) * (codes[i - 1] - mean);
    }
  } else {
    std::vector<double> shares(categories, 0.0);
    for (const std::uint32_t code : codes) shares[code] += 1 / n;
    double squares = 0;
    for (const double share : shares) squares += share * share;
    variance = n * (1 - squares);
    for (std::size_t i = 1; i < codes.size(); ++i)
      covariance +=
          (codes[i] == codes[i - 1] ? 1 : 0) - shares[codes[i]] - shares[codes[i - 1]] + squares;
  }
  return covariance / variance;
}

double inflation_of_neighbours(std::span<const std::uint32_t> codes, std::size_t categories,
                               Scale scale) {
  const auto n = static_cast<double>(codes.size());
  const double raw = correlation_of_neighbours(codes, categories, scale);
  const double high = (raw + 1 / n) / (1 - 3 / n) + 1 / std::sqrt(n);
  const double r = std::clamp(high, 0.0, kCorrelationMax);
  return (1 + r) / (1 - r);
}

}  // namespace

double inflation_of(std::span<const std::uint32_t> codes, std::size_t categories, Scale scale) {
  if (codes.size() < kRowsMin || categories < 2) return 1;
  // Those that come, numbered: of the other side there may be many more.
  std::vector<std::uint32_t> numbers(categories, kNoNumber), numbered;
  numbered.reserve(codes.size());
  std::uint32_t met = 0;
  for (const std::uint32_t code : codes) {
    if (numbers[code] == kNoNumber) {
      if (met == kCategoriesMax) return 1;
      numbers[code] = met++;
    }
    numbered.push_back(numbers[code]);
  }
  if (met < 2) return 1;
  const double stretches = inflation_of_stretches(numbered, met);
  if (codes.size() >= kFewRows) return stretches;
  const double neighbours = scale == Scale::kOrdinal
                                ? inflation_of_neighbours(codes, categories, scale)
                                : inflation_of_neighbours(numbered, met, scale);
  return std::max(stretches, neighbours);
}

}  // namespace slipway::monitor
