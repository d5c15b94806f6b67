// What must be true of every model file that a reader of trees takes.
#pragma once

#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "fuzz.h"
#include "serving/trees/ensemble.h"

namespace slipway::fuzz {

inline void judge_trees(const Result<serving::trees::Ensemble>& ensemble) {
  if (!ensemble) {
    const Code code = ensemble.error().code;
    CHECK(code == Code::kCorruption || code == Code::kInvalidArgument);
    return;
  }
  const std::size_t width = ensemble->feature_count(), outputs = ensemble->output_count();
  CHECK(ensemble->categories().size() == width);
  CHECK(outputs > 0);
  CHECK(ensemble->memory_bytes() >= ensemble->tree_count());
  static constexpr float kValues[] = {0.0f,  1.0f,
                                      -1.0f, 63.0f,
                                      1e30f, std::numeric_limits<float>::infinity(),
                                      -0.5f, std::numeric_limits<float>::quiet_NaN()};
  constexpr std::size_t kRows = std::size(kValues);
  if (width * kRows > 1'000'000) return;  // slow to ask, and nothing new
  std::vector<float> rows(kRows * width), out(kRows * outputs), one(outputs);
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t f = 0; f < width; ++f) rows[r * width + f] = kValues[(r + f) % kRows];
  }
  ensemble->predict(
      serving::trees::Rows<float>{.count = kRows, .values = rows.data(), .row_step = width},
      std::span(out));
  for (std::size_t r = 0; r < kRows; ++r) {
    ensemble->predict(std::span<const float>(rows).subspan(r * width, width), std::span(one));
    CHECK(std::memcmp(one.data(), out.data() + r * outputs, outputs * sizeof(float)) == 0);
  }
  if (!ensemble->can_explain() || width * ensemble->sum_count() > 100'000) return;
  const std::vector<double> wide(rows.begin(), rows.end());
  std::vector<double> explained(kRows * ensemble->sum_count() * (width + 1));
  ensemble->explain({.count = kRows, .values = wide.data(), .row_step = width}, explained);
}

}  // namespace slipway::fuzz
