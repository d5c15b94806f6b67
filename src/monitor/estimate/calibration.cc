#include "monitor/estimate/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr std::size_t kFolds = 10, kBins = 10;
constexpr double kPerfectAuc = 0.999;

std::vector<std::size_t> rising(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  return order;
}

// The last bin takes what is left over.
double calibration_error(std::span<const double> scores, std::span<const double> labels) {
  const std::vector<std::size_t> order = rising(scores);
  const std::size_t width = scores.size() / kBins;
  double error = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const std::size_t end = bin + 1 == kBins ? order.size() : (bin + 1) * width;
    double difference = 0;
    for (std::size_t i = bin * width; i < end; ++i)
      difference += scores[order[i]] - labels[order[i]];
    error += std::abs(difference);
  }
  return error / static_cast<double>(scores.size());
}

}  // namespace

IsotonicCalibration IsotonicCalibration::fit(std::span<const double> scores,
                                             std::span<const double> labels) {
  CHECK(scores.size() == labels.size() && !scores.empty());
  struct Block {
    double label_sum = 0, rows = 0;
    std::size_t first = 0, last = 0;  // of the different scores
    double mean() const { return label_sum / rows; }
  };
  std::vector<double> different;
  std::vector<Block> blocks;
  for (const std::size_t row : rising(scores)) {
    if (different.empty() || scores[row] != different.back()) {
      const std::size_t at = different.size();
      different.push_back(scores[row]);
      blocks.push_back({.first = at, .last = at});
    }
    blocks.back().label_sum += labels[row];
    blocks.back().rows += 1;
  }
  // Neighbours that fall are pooled, until none does.
  std::vector<Block> pooled;
  for (const Block& block : blocks) {
    pooled.push_back(block);
    while (pooled.size() > 1 && pooled[pooled.size() - 2].mean() >= pooled.back().mean()) {
      const Block taken = pooled.back();
      pooled.pop_back();
      pooled.back().label_sum += taken.label_sum;
      pooled.back().rows += taken.rows;
      pooled.back().last = taken.last;
    }
  }
  IsotonicCalibration fitted;
  for (const Block& block : pooled) {
    fitted.scores_.push_back(different[block.first]);
    fitted.chances_.push_back(block.mean());
    if (block.first == block.last) continue;
    fitted.scores_.push_back(different[block.last]);
    fitted.chances_.push_back(block.mean());
  }
  return fitted;
}

double IsotonicCalibration::chance(double score) const {
  if (scores_.empty()) return score;
  const auto above = std::lower_bound(scores_.begin(), scores_.end(), score);
  if (above == scores_.begin()) return chances_.front();
  if (above == scores_.end()) return chances_.back();
  const auto at = static_cast<std::size_t>(above - scores_.begin());
  const double share = (score - scores_[at - 1]) / (scores_[at] - scores_[at - 1]);
  return chances_[at - 1] + share * (chances_[at] - chances_[at - 1]);
}

bool calibration_helps(std::span<const double> scores, std::span<const double> labels) {
  CHECK(scores.size() == labels.size());
  const double auc = types::auc(scores, labels);
  if (scores.size() < 2 * kBins || !(auc <= kPerfectAuc)) return false;
  std::vector<std::size_t> folds;
  std::size_t seen[2] = {0, 0};
  for (const double label : labels) folds.push_back(seen[label > 0.5]++ % kFolds);
  std::vector<double> calibrated(scores.size());
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<double> known_scores, known_labels;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (folds[i] == fold) continue;
      known_scores.push_back(scores[i]);
      known_labels.push_back(labels[i]);
    }
    const IsotonicCalibration calibration = IsotonicCalibration::fit(known_scores, known_labels);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (folds[i] == fold) calibrated[i] = calibration.chance(scores[i]);
    }
  }
  return calibration_error(scores, labels) > calibration_error(calibrated, labels);
}

}  // namespace slipway::monitor
