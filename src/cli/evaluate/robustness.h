// What becomes of a model's answers when its inputs are a little off.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "cli/evaluate/judged_model.h"

namespace slipway::cli {

// noise: a normal error on every number, whose deviation is `strength` of the column's.
// missing: each value is gone with the chance `strength`.
// scaled: every number is larger by `strength` of itself, as of another unit or a wrong sensor.
inline constexpr std::array<std::string_view, 3> kDisturbances = {"noise", "missing", "scaled"};

// The columns that `shape` reads, disturbed; the same seed gives the same. Whole numbers stay
// whole, texts are only lost, truth values and times too. The rest as it is.
types::Frame disturb(const types::Frame& rows, const serving::ModelShape& shape,
                     std::string_view how, double strength, std::uint64_t seed);

// {"answers_changed": share of rows, whose decision, or class, is another one (of a number: the
// mean distance, over the standard deviation of the answers), "metrics": {...}, "change": {METRIC:
// disturbed less undisturbed}}; or {"error": why the model takes no such rows}.
JsonObject measure_robustness(JudgedModel& model, const types::Frame& disturbed,
                              const Answers& undisturbed,
                              const std::vector<monitor::KnownLabel>& labels,
                              const JsonObject& metrics);

}  // namespace slipway::cli
