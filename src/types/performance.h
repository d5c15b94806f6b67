// How good probabilities were, once the labels are known. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace slipway::types {

// Measures of a binary classifier's probabilities against labels of 0 and 1. What cannot be
// computed is NaN: everything without rows, auc and log_loss_ratio when only one label occurs.
struct Performance {
  std::int64_t rows = 0;
  double label_mean = 0;  // the base rate; for the flights: the late rate
  double prediction_mean = 0;
  double auc = 0;       // area under the ROC curve; ties count half
  double log_loss = 0;  // nats, probabilities kept 2.2e-16 away from 0 and 1 (as scikit-learn does)
  double brier = 0;     // mean squared difference
  double ece =
      0;  // expected calibration error: 15 bins of equal width, (low, high], weighted by rows
  double calibration_bias = 0;  // prediction_mean - label_mean: above 0 promises too many
  // log_loss divided by the entropy of the base rate: 1 is what always answering the base rate
  // itself would have got.
  double log_loss_ratio = 0;
};

// Both of one length.
Performance measure_performance(std::span<const double> predictions,
                                std::span<const double> labels);

double auc(std::span<const double> predictions, std::span<const double> labels);

// The area, and what each row adds to its scatter: the area's standard error is the root of the sum
// of their squares, over the number of rows (DeLong, DeLong and Clarke-Pearson, Biometrics 44,
// 1988). NaN and nothing when only one label occurs.
struct AucInfluence {
  double auc = 0;
  std::vector<double> rows;
};
AucInfluence auc_influence(std::span<const double> predictions, std::span<const double> labels);

// Which of the bins of `ece` a probability falls into.
constexpr std::size_t kCalibrationBins = 15;
std::size_t calibration_bin(double prediction);

// One row's log loss.
double log_loss(double prediction, double label);

}  // namespace slipway::types
