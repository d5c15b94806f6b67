// Bins for numbers, and how many values fall in each. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace slipway::monitor {

// Bin edges, ascending; n edges make n-1 bins, each [low, high) but the last, which is closed
// (numpy's rule).
//
// Deciles of the reference with open ends and equal edges merged: every value has a bin and
// outliers don't stretch them. At least one bin.
std::vector<double> decile_edges(std::span<const double> sorted_reference);
// Equal widths between low and high.
std::vector<double> equal_width_edges(double low, double high, std::size_t bins);

// Whether all values of both samples are whole numbers of an integer column: numpy then makes no
// bin narrower than 1.
enum class Values { kReal, kWhole };
// Equal widths over [low, high], as many as Sturges' rule says for `count` values.
std::vector<double> sturges_edges(double low, double high, std::size_t count,
                                  Values values = Values::kReal);
// Equal widths over the sample as Doane's rule says, which looks at the skewness: NannyML's.
std::vector<double> doane_edges(std::span<const double> sorted_values,
                                Values values = Values::kReal);

// How many of the sorted values fall in each bin. Values outside are not counted.
std::vector<double> histogram(std::span<const double> sorted_values, std::span<const double> edges);

}  // namespace slipway::monitor
