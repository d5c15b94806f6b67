// Categories of both sides of a column, counted.
#pragma once

#include <string>
#include <vector>

#include "monitor/drift/column_pair.h"
#include "monitor/drift/number_samples.h"
#include "types/frame.h"

namespace slipway::monitor {

struct CategorySamples {
  std::vector<std::string> names;  // ascending, as the counts of `pair`
  CategoryPair pair;
  std::size_t current_categories = 0;  // that the current side has

  // Of columns of strings, whose rows are in the order they came.
  static CategorySamples of(const types::Column& reference, const types::Column& current);
  // A category per different number.
  static CategorySamples of(const NumberSample& reference, const NumberSample& current);
};

}  // namespace slipway::monitor
