// Tells two data sets apart by what a learner finds: where it finds nothing, nothing has drifted.
#pragma once

#include <cstddef>
#include <vector>

#include "types/frame.h"

namespace slipway::monitor {

struct DomainClassification {
  double auc = 0.5;                // of telling current rows from reference rows; 0.5: like a coin
  std::vector<double> importance;  // of each column: its share of what was learned, of all folds
};

constexpr std::size_t kClassifierFolds = 5;

// Boosted trees learn on four fifths of the rows and answer for the fifth they haven't seen, five
// times (NannyML's stratified folds, in the order of rows). Both frames have the same columns, in
// the same order, none of times, and at least kClassifierFolds rows. Strings and booleans are
// categories; missing values may tell too.
DomainClassification classify_domains(const types::Frame& reference, const types::Frame& current);

}  // namespace slipway::monitor
