// Our own default: tests that count rows for what they tell.
//
// A test takes rows for independent. Rows of a service seldom are: of one hour, one customer, one
// upstream job they resemble each other, and every test, told that a thousand rows are a thousand
// witnesses, alarms on nights when nothing changed. These divide the number of rows of each side by
// its inflation (dependence.h), measured on the rows themselves, and ask for a change that is both
// sure (p at most 0.001) and worth looking at (two rows in a hundred would have to move).
#pragma once

#include "monitor/drift/methods.h"

namespace slipway::monitor {

// Kolmogorov-Smirnov by the effective numbers of rows; the effect is its statistic.
DriftScore ks_effective(const NumberPair& pair);
// Pearson's two-sample test over the design effect (Rao and Scott 1984, first order); the effect is
// the total variation distance.
DriftScore chi_square_effective(const CategoryPair& pair);

}  // namespace slipway::monitor
