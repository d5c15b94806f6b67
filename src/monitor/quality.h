// How good the answers of one window were, by the kind of problem. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/problem.h"
#include "types/confidence.h"

namespace slipway::monitor {

struct QualityRules {
  ProblemRules problem;
  double threshold = 0.5;                       // of kBinary: a score from here on says 1
  std::vector<int> percentiles = {50, 90, 99};  // of kRegression: absolute_error_pN
  std::vector<int> places = {5, 10};            // of kRanking: ndcg@K and the like
};

// An answer whose label is known.
struct LabelledAnswer {
  std::string_view request_id;
  double prediction = 0;              // NaN: it wasn't one number
  std::string_view answer;            // what it was then, as JSON (the log's prediction_values)
  std::string_view group;             // of kRanking
  const KnownLabel* label = nullptr;  // without a fault
};

// How often the label in the row was answered with the class in the column.
struct Confusion {
  std::vector<std::string> classes;
  std::vector<std::vector<std::int64_t>> counts;

  JsonObject to_json() const;
  static Result<Confusion> from_json(const JsonObject& object);
};

struct Quality {
  std::int64_t rows = 0;  // answers that make sense for the problem
  types::Measures measures;
  Confusion confusion;  // of kMulticlass
  std::string note;     // what of them couldn't be measured, why, and what to do; empty: nothing
};

// Every metric of the problem that is computed from labels, NaN where it can't be. The answers'
// order doesn't matter.
Quality measure_quality(const QualityRules& rules, std::vector<LabelledAnswer> answers);

}  // namespace slipway::monitor
