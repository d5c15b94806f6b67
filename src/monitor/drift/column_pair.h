// One column of a reference and of what is current, as the measures take it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "monitor/drift/bins.h"

namespace slipway::monitor {

// Finite numbers of both sides, sorted ascending. What they point at must outlive the pair.
//
// An inflation says how much more the rows of a side vary from block to block than independent ones
// would (dependence.h): so many rows tell as much as one. 1 for independent rows.
struct NumberPair {
  std::span<const double> reference, current;
  Values values = Values::kReal;
  double reference_inflation = 1, current_inflation = 1;
};

// Counts of every category that a side has, in ascending order of the categories.
struct CategoryPair {
  std::vector<double> reference, current;
  double reference_inflation = 1, current_inflation = 1;
};

// How many different values both sides have together; counting stops above `most`.
std::size_t distinct_values(const NumberPair& pair, std::size_t most);
std::size_t distinct_values(std::span<const double> sorted, std::size_t most);

// The different values of both sides, ascending.
std::vector<double> values_of(const NumberPair& pair);
// A category per different value, ascending.
CategoryPair by_value(const NumberPair& pair);

// As Evidently bins numbers for PSI, Kullback-Leibler and Jensen-Shannon: a bin per value up to 20
// different reference values, else equal widths over both sides by Sturges' rule.
CategoryPair evidently_bins(const NumberPair& pair);

}  // namespace slipway::monitor
