// Tree ensembles as models: names of categories become their codes, the rest are numbers.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "serving/model.h"
#include "serving/trees/ensemble.h"

namespace slipway::serving::trees {

class TreeModel final : public Model {
 public:
  explicit TreeModel(Ensemble ensemble);

  const ModelShape& shape() const override { return shape_; }
  std::string_view platform() const override { return "slipway_trees"; }
  Result<void> predict(const ModelCall& call, std::vector<Output>& outputs) const override;
  Result<void> can_explain() const override { return ensemble_.can_explain(); }
  Result<void> explain(const ModelCall& call, Explanation& explanation) const override;
  std::size_t memory_bytes() const override { return ensemble_.memory_bytes(); }

 private:
  // The number the trees see for a name; NaN for one that training never saw.
  double code_of(std::size_t feature, std::string_view name) const;
  // Columns as they came, and codes in the place of names; of the thread, until its next call.
  Rows<double> rows_of(const ModelCall& call) const;

  Ensemble ensemble_;
  ModelShape shape_;
  std::vector<std::vector<std::pair<std::string, double>>> codes_;  // by feature, sorted by name
};

}  // namespace slipway::serving::trees
