// Says how well one version of a model does before labels come: it collects the version's first
// labelled rows, learns from them what its scores are worth, and holds that against new scores.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "monitor/estimate/calibration.h"
#include "monitor/estimate/expected_performance.h"

namespace slipway::monitor {

// The `estimate:` part of a monitor.
struct EstimateRules {
  std::int64_t rows = 2000;  // labelled ones of a version that its scores are calibrated on
  double threshold = 0.5;    // a score from here on says 1
  bool operator==(const EstimateRules&) const = default;
};

struct Estimate {
  double value = 0;                // NaN: could not be estimated
  double sampling_error = 0;       // how much n rows scatter around it by luck; NaN: not known
  std::optional<double> realised;  // once labels came; over the rows that have one

  double error() const;  // realised - value; NaN without labels
};

// What a window's scores are expected to have done, by estimated_names(). Empty: no estimate.
struct Estimates {
  std::int64_t rows = 0;    // scores behind it: of versions that could be estimated
  bool calibrated = false;  // scores of the version with most rows stand for other chances
  std::map<std::string, Estimate> values;

  JsonObject to_json() const;
  static Result<Estimates> from_json(const JsonObject& object);
};

// A value.
class Estimator {
 public:
  bool is_ready() const { return ready_; }
  // Takes labelled rows, scores within 0..1 and labels of 0 or 1, until there are enough; then it
  // is ready, for good. Rows beyond twice what is wanted are thinned evenly.
  void collect(std::vector<std::pair<double, double>> scores_and_labels,
               const EstimateRules& rules);

  double chance(double score) const { return calibration_.chance(score); }
  const std::map<std::string, Scatter>& scatter() const { return scatter_; }
  bool is_calibrated() const { return !calibration_.scores().empty(); }

  std::string to_text() const;
  static Result<Estimator> from_text(std::string_view text);

 private:
  void fit(double threshold);

  bool ready_ = false;
  std::vector<double> scores_, labels_;  // until it is ready
  IsotonicCalibration calibration_;
  std::map<std::string, Scatter> scatter_;
};

// By model version.
using Estimators = std::map<std::int64_t, Estimator>;

struct VersionedScore {
  std::int64_t model_version = 0;
  double score = 0;
};
// Scores of versions without a ready estimator are left out; the scatter is that of the version
// with most rows.
Estimates estimate_performance(const Estimators& estimators,
                               const std::vector<VersionedScore>& scores,
                               const EstimateRules& rules);

}  // namespace slipway::monitor
