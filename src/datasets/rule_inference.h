// What holds for the rows that there are, as a definition to look through.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "datasets/definition.h"
#include "types/column_rules.h"
#include "types/frame.h"

namespace slipway::datasets {

// `declared` with rules of all columns (types::infer_rule) and checks of a version: rows that
// change by half at most, half as many missing values again as there are, and columns of texts or
// whole numbers whose values appear once. Texts of one shape have a pattern, whole numbers of only
// 0 and 1 a list, and two times of which one is never before the other a rule of rows. Of `masked`
// columns nothing that tells of values. What is declared otherwise, and rules of rows, stay. Pure.
DatasetDefinition infer_rules(const types::Frame& frame, const DatasetDefinition& declared,
                              const types::InferenceOptions& options,
                              const std::set<std::string>& masked = {});

}  // namespace slipway::datasets
