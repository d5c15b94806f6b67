// The metrics that rules may watch, as they stand in a window's `metrics`. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/problem.h"

namespace slipway::monitor {

inline constexpr const char* kDuplicateRate = "duplicate_rate";
inline constexpr const char* kDatasetAge = "dataset_age_hours_max";
// What the declared method says of predictions: its score, and 1 when that is drift, else 0.
inline constexpr const char* kPredictionDrift = "prediction_drift";
inline constexpr const char* kPredictionDrifted = "prediction_drifted";
bool is_of_predictions_method(std::string_view metric);

// What a rule may watch of one input.
inline constexpr std::string_view kInputMetrics[] = {
    "missing_rate", "unseen_rate", "psi", "drift_score", "drifted", "violation_rate"};
bool is_of_inputs(std::string_view metric);

// Names of what a rule of such a problem may watch; K and N at a name's end stand for a number.
std::vector<std::string> metric_names(Problem problem);
// True when a rule of such a problem may watch it.
bool has_metric(Problem problem, std::string_view metric);
// The number that a metric has where its family's name has N or K; nothing when it has none.
std::optional<int> number_in_metric(std::string_view metric);
// True for those that need labels.
bool needs_labels(std::string_view metric);
// True for those that a window without any request has a value of, too.
bool counts_silence(std::string_view metric);
// True for estimates of what labels will say.
bool is_estimate(std::string_view metric);
// True for those that are known of a slice; others need a reference, or more than its rows.
bool is_known_of_slices(std::string_view metric);

}  // namespace slipway::monitor
