// A model version in memory, ready to score.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/trees/ensemble.h"

namespace slipway::serving {

// Immutable; safe to use from several threads. Shared by everything that scores with it.
class Model {
 public:
  // `path` is a folder that MLflow's client wrote (its MLmodel names the flavor and the file), or a
  // model file itself: XGBoost's JSON or UBJSON. kNotFound: nothing there. kCorruption: a truncated
  // or foreign file. kInvalidArgument: a flavor or objective this engine can't run, named.
  static Result<std::shared_ptr<const Model>> load(const std::filesystem::path& path);
  static Result<std::shared_ptr<const Model>> from_bytes(std::string_view xgboost);

  const trees::Ensemble& ensemble() const { return ensemble_; }
  const std::vector<std::string>& features() const { return ensemble_.feature_names(); }

  // The number the model sees for a text in feature `position`: its category's code, NaN for a
  // category that training never saw. kInvalidArgument: the feature is a number.
  Result<float> encode(std::size_t position, std::string_view text) const;
  bool is_category(std::size_t position) const { return !codes_[position].empty(); }

 private:
  explicit Model(trees::Ensemble ensemble);

  trees::Ensemble ensemble_;
  std::vector<std::vector<std::pair<std::string, float>>> codes_;  // by feature, sorted by name
};

}  // namespace slipway::serving
