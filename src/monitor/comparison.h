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
  kLogLoss,        // of the chance of the label, nats
  kBrier,          // squared difference to the label; of classes the sum of each chance's
  kAbsoluteError,  // absolute difference to the label
  kAccuracy,       // 1 for a right answer
  kLabel,          // the label itself: a conversion, a revenue
  kPrediction,
  kErrorRate,  // 1 for a failed request
  kLatencyMs,
};
// "log_loss", "brier", "absolute_error", "accuracy", "label", "prediction", "error_rate",
// "latency_ms".
std::string_view measure_name(Measure measure);
Result<Measure> parse_measure(std::string_view name);  // kInvalidArgument listing them
// As parse_measure(), of those that say something of such a problem.
Result<Measure> measure_of(Problem problem, std::string_view name);
Measure default_measure(Problem problem);
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
  // Of numbers.
  double mean_absolute = 0, p99_absolute = 0, max_absolute = 0;
  double correlation = 0;
  std::optional<std::int64_t>
      other_side;  // of a binary problem: pairs on two sides of its threshold
  struct Pair {
    std::string request_id;
    double a = 0, b = 0;
  };
  std::vector<Pair> furthest;  // up to ten
  // Of classes.
  std::optional<std::int64_t> other_class;  // pairs that say two classes
  struct ClassPair {
    std::string request_id, a, b;
  };
  std::vector<ClassPair> differing;  // of those up to ten
};

struct Comparison {
  Measure measure = Measure::kLogLoss;
  // Paired: both variants scored the same requests (one of them is a shadow), and only those count.
  bool paired = false;
  ComparisonSide a, b;
  double difference = 0;     // b's mean minus a's
  types::Interval interval;  // of the difference, valid at every look (types/sequential.h); of
                             // unpaired values that are all 0 or 1 it is exact

  std::optional<ComparedAnswers> answers;  // of paired variants only
  std::string note;                        // why the measure isn't known of any request

  JsonObject to_json() const;
};

// `rules` say how answers are held against labels. kInvalidArgument: one variant twice.
Result<Comparison> compare(const WindowRows& rows, const std::string& a, const std::string& b,
                           const Labels& labels, const QualityRules& rules, Measure measure,
                           double alpha);

}  // namespace slipway::monitor
