#include "types/performance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/check.h"

namespace slipway::types {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::size_t calibration_bin(double prediction) {
  const double place = std::ceil(prediction * static_cast<double>(kCalibrationBins)) - 1;
  return static_cast<std::size_t>(
      std::clamp(place, 0.0, static_cast<double>(kCalibrationBins - 1)));
}

double log_loss(double prediction, double label) {
  constexpr double kEdge = std::numeric_limits<double>::epsilon();
  const double p = std::clamp(prediction, kEdge, 1 - kEdge);
  return -(label * std::log(p) + (1 - label) * std::log(1 - p));
}

double auc(std::span<const double> predictions, std::span<const double> labels) {
  CHECK(predictions.size() == labels.size());
  std::vector<std::size_t> order(predictions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return predictions[a] < predictions[b]; });
  // Mann-Whitney: pairs in which the positive has the higher score, ties as half a pair.
  double positives = 0, negatives = 0, pairs = 0;
  for (std::size_t from = 0; from < order.size();) {
    std::size_t to = from;
    double tied_positives = 0, tied_negatives = 0;
    for (; to < order.size() && predictions[order[to]] == predictions[order[from]]; ++to) {
      (labels[order[to]] > 0.5 ? tied_positives : tied_negatives) += 1;
    }
    pairs += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
    from = to;
  }
  return positives > 0 && negatives > 0 ? pairs / (positives * negatives) : kNone;
}

AucInfluence auc_influence(std::span<const double> predictions, std::span<const double> labels) {
  CHECK(predictions.size() == labels.size());
  const std::size_t n = predictions.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return predictions[a] < predictions[b]; });
  const auto positives = static_cast<double>(
      std::count_if(labels.begin(), labels.end(), [](double label) { return label > 0.5; }));
  const double negatives = static_cast<double>(n) - positives;
  if (positives == 0 || negatives == 0) return {kNone, {}};
  // Each positive's share of negatives below it, and each negative's of positives above it.
  AucInfluence influence{0, std::vector<double>(n)};
  double positives_below = 0, negatives_below = 0;
  for (std::size_t from = 0; from < n;) {
    std::size_t to = from;
    double tied_positives = 0, tied_negatives = 0;
    for (; to < n && predictions[order[to]] == predictions[order[from]]; ++to)
      (labels[order[to]] > 0.5 ? tied_positives : tied_negatives) += 1;
    for (std::size_t i = from; i < to; ++i) {
      influence.rows[order[i]] =
          labels[order[i]] > 0.5 ? (negatives_below + tied_negatives / 2) / negatives
                                 : (positives - positives_below - tied_positives / 2) / positives;
    }
    influence.auc += tied_positives * (negatives_below + tied_negatives / 2);
    positives_below += tied_positives;
    negatives_below += tied_negatives;
    from = to;
  }
  influence.auc /= positives * negatives;
  for (std::size_t i = 0; i < n; ++i) {
    const double share = (labels[i] > 0.5 ? positives : negatives) / static_cast<double>(n);
    influence.rows[i] = (influence.rows[i] - influence.auc) / share;
  }
  return influence;
}

Performance measure_performance(std::span<const double> predictions,
                                std::span<const double> labels) {
  CHECK(predictions.size() == labels.size());
  if (predictions.empty()) {
    return {0, kNone, kNone, kNone, kNone, kNone, kNone, kNone, kNone};
  }
  struct Bin {
    double rows = 0, predictions = 0, labels = 0;
  };
  std::array<Bin, kCalibrationBins> bins;
  Performance result{.rows = static_cast<std::int64_t>(predictions.size())};
  double loss = 0, squares = 0, prediction_sum = 0, label_sum = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const double p = predictions[i], y = labels[i];
    loss += log_loss(p, y);
    squares += (p - y) * (p - y);
    prediction_sum += p;
    label_sum += y;
    Bin& bin = bins[calibration_bin(p)];
    bin.rows += 1;
    bin.predictions += p;
    bin.labels += y;
  }
  const auto n = static_cast<double>(predictions.size());
  result.label_mean = label_sum / n;
  result.prediction_mean = prediction_sum / n;
  result.log_loss = loss / n;
  result.brier = squares / n;
  for (const Bin& bin : bins) result.ece += std::abs(bin.predictions - bin.labels) / n;
  result.calibration_bias = result.prediction_mean - result.label_mean;
  result.auc = auc(predictions, labels);
  const double q = result.label_mean;
  const double entropy = -(q * std::log(q) + (1 - q) * std::log(1 - q));
  result.log_loss_ratio = q > 0 && q < 1 ? result.log_loss / entropy : kNone;
  return result;
}

}  // namespace slipway::types
