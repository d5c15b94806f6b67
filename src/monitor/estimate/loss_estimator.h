// Says how wrong a version of a regression is before labels come: trees learn from its first
// labelled rows what its errors depend on, and tell the errors of new rows by their inputs and
// predictions. NannyML calls it direct loss estimation (DLE).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "monitor/estimate/estimator.h"
#include "types/boosted_trees.h"

namespace slipway::monitor {

// One input of some rows: numbers, NaN where missing, or texts, empty where missing.
struct InputColumn {
  std::string name;
  bool is_text = false;
  std::vector<double> numbers;
  std::vector<std::string> texts;
};

// Answers of one version, with the labels of all of them or of none.
struct PredictedRows {
  std::vector<InputColumn> inputs;
  std::vector<double> predictions, labels;
};
using RowsByVersion = std::map<std::int64_t, PredictedRows>;

// Names of what is estimated, as they stand in a window's metrics: mae, mape, mse, msle, rmse,
// rmsle.
const std::vector<std::string>& estimated_loss_names();

// A value. Inputs are known by the names of the first rows it took: others are not looked at, and
// one that is gone is missing.
class LossEstimator {
 public:
  // What one row may be wrong by.
  enum class Loss { kAbsolute, kSquared, kRelative, kSquaredLog };
  static constexpr std::size_t kLosses = 4;

  bool is_ready() const { return ready_; }
  const std::vector<InputColumn>& inputs() const { return rows_.inputs; }  // that it goes by
  // Takes labelled rows until there are enough; then it is ready, for good. Rows beyond twice what
  // is wanted are thinned evenly.
  void collect(const PredictedRows& rows, const EstimateRules& rules);
  // Of so many rows it takes each so-manieth.
  static std::size_t step(std::size_t rows, const EstimateRules& rules);

  // The sum of each loss over the rows, NaN where it can't be told: a loss of logarithms where some
  // number was -1 or below. Must be ready.
  std::array<double, kLosses> sum_losses(const PredictedRows& rows) const;
  // Of the rows that were learned from, by each loss.
  struct Spread {
    double mean = 0, deviation = 0;
  };
  const std::array<Spread, kLosses>& spread() const { return spread_; }

  // The rows it has taken: one that is ready learns from them again, the same.
  std::string to_text() const;
  static Result<LossEstimator> from_text(std::string_view text);

 private:
  void fit();
  std::vector<types::FeatureValues> features_of(const PredictedRows& rows) const;

  bool ready_ = false;
  PredictedRows rows_;
  std::vector<std::map<std::string, double>> codes_;  // of each input's texts; once ready
  types::BinnedTable table_;
  std::array<std::optional<types::BoostedTrees>, kLosses> trees_;  // none of what isn't finite
  std::array<Spread, kLosses> spread_;
};

// By model version; null or not ready: not known yet.
using LossEstimators = std::map<std::int64_t, std::shared_ptr<const LossEstimator>>;

// What rows are expected to have lost; those of versions that can't be estimated are left out.
// Errors by luck are NannyML's, from the rows that the version with most rows was learned from.
Estimates estimate_losses(const LossEstimators& estimators, const RowsByVersion& rows);

}  // namespace slipway::monitor
