// Finds where the loss is worst: conditions on one or two inputs whose rows do worse than all
// others, more than chance does among as many that were looked at.
#pragma once

#include <cstdint>
#include <vector>

#include "monitor/slices/slice.h"
#include "types/frame.h"

namespace slipway::monitor {

struct SliceRules {
  double share_min = 0.01;        // of the rows, that a slice must have
  std::int64_t rows_min = 50;     // likewise
  double share_max = 0.5;         // where more of the rows are, the others are what is special
  double worse_by = 0.1;          // its mean loss is above that of the others by this part of it
  double false_discovery = 0.05;  // share of what is found that is chance (Benjamini, Hochberg)
  std::size_t slices_max = 10;
  std::size_t inputs_max = 100;  // of these many columns all pairs are looked at
};

// Losses are finite, one for each of `rows` of the frame; `expected` likewise, or empty. Columns of
// the request log itself and times are left out.
//
// Numbers are cut into tenths: a condition is one of them, or all up to one, or all from one on; a
// number with at most ten values is asked for each. Of texts the values with enough rows count;
// missing values are a condition of their own. Every condition, and every pair on two inputs, with
// enough rows is tested (Welch, one-sided; SliceFinder, Chung 2019); a pair counts when its rows do
// worse than those that hold only one of its conditions. The most certain is a slice; the rest is
// looked at again without its rows, so that no slice says again what another has said, and each
// must be certain enough for all that was tested (Benjamini, Hochberg). `score` is SliceLine's
// (Sagadeeva, Boehm 2021).
SliceReport find_slices(const types::Frame& frame, const std::vector<std::size_t>& rows,
                        const std::vector<double>& losses, const std::vector<double>& expected,
                        const SliceRules& rules = {});

// By slice: how it stands in other rows.
std::vector<std::optional<Slice::Before>> measure_slices(const std::vector<Slice>& slices,
                                                         const types::Frame& frame,
                                                         const std::vector<std::size_t>& rows,
                                                         const std::vector<double>& losses);

}  // namespace slipway::monitor
