// How well a model told more than two classes apart, once the labels are known. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "types/confidence.h"

namespace slipway::types {

// Rows of a multi-class model; classes are positions below `classes`.
struct ClassRows {
  std::size_t classes = 0;
  std::vector<std::size_t> labels, said;
  std::vector<double> chances;  // of each class, row by row; empty: the model only says a class
};

// As scikit-learn has them: accuracy, precision, recall and f1 as _macro and _weighted, over the
// classes that occur among labels or answers, where a ratio without anything below the line is 0;
// of chances log_loss (kept 2.2e-16 away from 0 and 1) and roc_auc_ovr, the mean of each class
// against the rest (NaN unless every class occurs among the labels); those two are NaN without
// chances. All are NaN without rows.
//
// Intervals: Wilson's for accuracy, normal for log_loss and, by what each row adds (DeLong et al.
// 1988), for roc_auc_ovr, by bootstrap for the others.
Measures measure_classes(const ClassRows& rows);

// How often label i was answered with class j.
std::vector<std::vector<std::int64_t>> confusion_of(const ClassRows& rows);

}  // namespace slipway::types
