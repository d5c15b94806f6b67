// Numbers of one side of a column, made ready for every measure.
#pragma once

#include <vector>

#include "monitor/drift/moments.h"
#include "types/frame.h"

namespace slipway::monitor {

struct NumberSample {
  std::vector<double> sorted;  // the finite ones
  Moments moments;             // of those
  double inflation = 1;        // dependence.h, by the sample's own quartiles, if asked for

  enum class Dependence { kMeasured, kIgnored };
  // Of a column of numbers or booleans, whose rows are in the order they came.
  static NumberSample of(types::Column column, Dependence dependence);
};

}  // namespace slipway::monitor
