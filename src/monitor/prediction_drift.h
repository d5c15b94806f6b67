// How far what a variant answers has moved from what it answered at first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/drift/rules.h"
#include "monitor/drift_profile.h"
#include "monitor/problem.h"
#include "types/frame.h"

namespace slipway::monitor {

// kInvalidArgument: the method doesn't take what such a model answers, naming those that do.
// Chances, amounts and scores are numbers; classes are categories, or texts where none are
// declared.
Result<void> check_prediction_method(const std::string& method, const ProblemRules& problem);

// How a window's predictions compare with the baseline.
struct PredictionDrift {
  DriftRule rule;      // that was declared then
  FeatureDrift found;  // of the column "prediction", as of an input

  JsonObject to_json() const;  // of `found`, with declared_method and declared_threshold
  static Result<PredictionDrift> from_json(const JsonObject& object);
};

// Where prediction drift is measured from: the answers of a variant's first window. Immutable after
// building.
struct PredictionBaseline {
  // Bins, and how all finite numbers fall into them: for prediction_psi.
  std::vector<double> edges, counts;
  // What methods compare with: in the order they came, at most kBaselineRowsMax, and of long texts
  // so many as have kBaselineBytesMax bytes, drawn from a fixed seed.
  types::Column answers;

  static PredictionBaseline of(std::vector<double> predictions, const types::Column& answers);

  // Baselines that older servers kept have none.
  bool has_answers() const { return answers.size() > answers.null_count(); }
  // With the answers of a window, of the same type, by the same code as inputs.
  PredictionDrift compare(types::Column now, const DriftRule& rule) const;

  std::string to_text() const;
  static Result<PredictionBaseline> from_text(std::string_view text);  // kCorruption
};
constexpr std::size_t kBaselineRowsMax = 10'000, kBaselineBytesMax = 2'000'000;

}  // namespace slipway::monitor
