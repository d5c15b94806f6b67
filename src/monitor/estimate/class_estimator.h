// Says how well a version of a multi-class model does before labels come: what NannyML's CBPE does
// with each class against the rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "monitor/class_answers.h"
#include "monitor/estimate/calibration.h"
#include "monitor/estimate/estimator.h"

namespace slipway::monitor {

// Names of what is estimated, as they stand in a window's metrics: accuracy, precision_macro,
// recall_macro, f1_macro, roc_auc_ovr, log_loss.
const std::vector<std::string>& estimated_class_names();

// A value. It looks at answers that give chances.
class ClassEstimator {
 public:
  bool is_ready() const { return ready_; }
  bool is_calibrated() const;
  // Takes labelled rows until there are enough; then it is ready, for good. Rows without chances
  // are left alone, those beyond twice what is wanted thinned evenly.
  void collect(const NamedClassRows& rows, const EstimateRules& rules);

  // Values of estimated_class_names() for rows whose labels aren't known, and how much they scatter
  // by luck; NaN where they can't be told. Must be ready.
  std::map<std::string, Estimate> estimate(const NamedClassRows& rows) const;

  std::string to_text() const;
  static Result<ClassEstimator> from_text(std::string_view text);

 private:
  void fit();

  bool ready_ = false;
  std::vector<std::string> classes_;
  types::ClassRows rows_;                          // until it is ready
  std::vector<IsotonicCalibration> calibrations_;  // of each class
  std::map<std::string, double> variances_;        // of each metric, of one row
};

// By model version.
using ClassEstimators = std::map<std::int64_t, ClassEstimator>;
using ClassRowsByVersion = std::map<std::int64_t, NamedClassRows>;

// Of the version with most rows among those that are ready: classes of several versions are no one
// thing.
Estimates estimate_classes(const ClassEstimators& estimators, const ClassRowsByVersion& rows);

}  // namespace slipway::monitor
