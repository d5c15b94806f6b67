// How good predicted numbers were, once the labels are known. Pure functions.
#pragma once

#include <span>
#include <vector>

#include "types/confidence.h"

namespace slipway::types {

// As scikit-learn has them: mae, mse, rmse, msle, rmsle (NaN with a number of -1 or below), mape
// (of labels no nearer to 0 than 2.2e-16), r2 (NaN below two rows); beside them mean_error, the
// mean of prediction - label, mean_label, and absolute_error_pN: below which N of 100 absolute
// errors lie, for each N of `percentiles`, as numpy interpolates. NaN without rows; both of one
// length.
//
// Intervals: normal for means, their images for roots, by the ranks that a binomial may take for
// percentiles, by bootstrap for r2.
Measures measure_regression(std::span<const double> predictions, std::span<const double> labels,
                            const std::vector<int>& percentiles);

}  // namespace slipway::types
