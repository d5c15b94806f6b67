// Two variants side by side: how different their answers are, and which does better by a measure.
// Pure functions over logged rows and labels.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/window_result.h"
#include "types/sequential.h"

namespace slipway::monitor {

// What one scored request is worth.
enum class Measure {
  kLogLoss,        // of the prediction against the label, nats
  kBrier,          // squared difference to the label
  kAbsoluteError,  // absolute difference to the label
  kLabel,          // the label itself: a conversion, a revenue
  kPrediction,
  kErrorRate,  // 1 for a failed request
  kLatencyMs,
};
// "log_loss", "brier", "absolute_error", "label", "prediction", "error_rate", "latency_ms".
std::string_view measure_name(Measure measure);
Result<Measure> parse_measure(std::string_view name);  // kInvalidArgument listing them
bool needs_labels(Measure measure);

struct ComparisonSide {
  std::string variant;
  std::int64_t model_version = 0, requests = 0, errors = 0;
  std::int64_t rows = 0;  // that the measure could be computed for
  double value = 0;       // its mean; NaN without rows
};

// How the answers of two variants to the same requests differ.
struct ComparedAnswers {
  std::int64_t pairs = 0;
  double mean_absolute = 0, p99_absolute = 0, max_absolute = 0;
  double correlation = 0;
  std::int64_t other_side = 0;  // pairs on different sides of 0.5
  struct Pair {
    std::string request_id;
    double a = 0, b = 0;
  };
  std::vector<Pair> furthest;  // up to ten
};

struct Comparison {
  Measure measure = Measure::kLogLoss;
  // Paired: both variants scored the same requests (one of them is a shadow), and only those count.
  bool paired = false;
  ComparisonSide a, b;
  double difference = 0;     // b's mean minus a's
  types::Interval interval;  // of the difference, valid at every look (types/sequential.h)

  std::optional<ComparedAnswers> answers;  // of paired variants only

  JsonObject to_json() const;
};

// kInvalidArgument: one variant twice.
Result<Comparison> compare(const WindowRows& rows, const std::string& a, const std::string& b,
                           const Labels& labels, Measure measure, double alpha);

}  // namespace slipway::monitor
