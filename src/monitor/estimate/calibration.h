// What chance a score stands for, learned from rows whose labels are known. Pure values.
#pragma once

#include <span>
#include <vector>

namespace slipway::monitor {

// The rising step function that fits labels best by squares, with straight lines between steps, as
// scikit-learn's IsotonicRegression(out_of_bounds="clip") has it. A value.
class IsotonicCalibration {
 public:
  IsotonicCalibration() = default;  // gives scores back as they are
  // From its knots, as knots() gave them: both of one length, scores rising.
  IsotonicCalibration(std::vector<double> scores, std::vector<double> chances)
      : scores_(std::move(scores)), chances_(std::move(chances)) {}

  // Both of one length, at least one row.
  static IsotonicCalibration fit(std::span<const double> scores, std::span<const double> labels);

  double chance(double score) const;

  const std::vector<double>& scores() const { return scores_; }
  const std::vector<double>& chances() const { return chances_; }

 private:
  std::vector<double> scores_, chances_;  // knots; none: the identity
};

// Whether calibrated scores of rows that the calibration didn't see are nearer to the labels (by
// expected calibration error over ten bins of equally many rows) than the scores themselves:
// NannyML's rule, but by ten stratified folds in the order of the rows instead of random splits.
// False with one kind of label, with an area under the ROC curve above 0.999, or below 20 rows.
bool calibration_helps(std::span<const double> scores, std::span<const double> labels);

}  // namespace slipway::monitor
