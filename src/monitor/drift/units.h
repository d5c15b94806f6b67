// Whether the numbers of a column are what they were in another unit. Pure functions.
#pragma once

#include <span>
#include <string>

namespace slipway::monitor {

// A sentence such as "the values are 2.54 times what they were, as from inches to centimetres:
// another unit?", when one factor (or Celsius to Fahrenheit or Kelvin, and back) makes the
// reference's numbers those of the current side; else "". Both sorted ascending.
std::string unit_change(std::span<const double> reference, std::span<const double> current);

// What is said of a column: unit_change() where it drifted, else, and where no unit explains all of
// it, "the median is about 1000 times what it was: another unit?" near such a power of ten from 100
// on (or 1/100 down); or "". Both sorted ascending.
std::string unit_words(std::span<const double> reference, std::span<const double> current,
                       bool drifted);

}  // namespace slipway::monitor
