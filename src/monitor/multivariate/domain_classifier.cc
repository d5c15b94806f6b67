#include "monitor/multivariate/domain_classifier.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "monitor/multivariate/row_encoder.h"
#include "types/boosted_trees.h"
#include "types/performance.h"

namespace slipway::monitor {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

types::FeatureValues feature_of(const types::Column& reference, const types::Column& current) {
  types::FeatureValues feature{.values = {}, .categorical = is_categorical(reference)};
  feature.values.reserve(reference.size() + current.size());
  std::map<std::string, double> codes;
  for (const types::Column* column : {&reference, &current}) {
    for (std::size_t row = 0; row < column->size(); ++row) {
      if (!column->is_valid(row)) {
        feature.values.push_back(kMissing);
      } else if (feature.categorical) {
        const auto code = static_cast<double>(codes.size());
        feature.values.push_back(codes.try_emplace(category_of(*column, row), code).first->second);
      } else {
        feature.values.push_back(column->number(row));
      }
    }
  }
  return feature;
}

// Which fold answers for each row. Every fold has its share of each side, one stretch of it.
std::vector<std::size_t> folds_of(std::size_t reference, std::size_t current) {
  std::vector<std::size_t> folds;
  std::size_t before = 0;
  for (const std::size_t rows : {reference, current}) {
    for (std::size_t fold = 0; fold < kClassifierFolds; ++fold) {
      // As many as positions before + i that are `fold` modulo the folds.
      const std::size_t first =
          (fold + kClassifierFolds - before % kClassifierFolds) % kClassifierFolds;
      const std::size_t count = first >= rows ? 0 : 1 + (rows - 1 - first) / kClassifierFolds;
      folds.insert(folds.end(), count, fold);
    }
    before += rows;
  }
  return folds;
}

}  // namespace

DomainClassification classify_domains(const types::Frame& reference, const types::Frame& current) {
  std::vector<types::FeatureValues> features;
  for (std::size_t c = 0; c < reference.columns().size(); ++c) {
    features.push_back(feature_of(reference.columns()[c], current.columns()[c]));
  }
  const types::BinnedTable table = types::BinnedTable::of(features);
  const std::size_t rows = reference.rows() + current.rows();
  std::vector<double> targets(rows, 0.0);
  std::fill(targets.begin() + static_cast<std::ptrdiff_t>(reference.rows()), targets.end(), 1.0);
  const std::vector<std::size_t> fold_of = folds_of(reference.rows(), current.rows());

  DomainClassification found{.auc = 0.5, .importance = std::vector<double>(features.size(), 0.0)};
  std::vector<double> chances(rows, 0.5);
  for (std::size_t fold = 0; fold < kClassifierFolds; ++fold) {
    std::vector<std::uint32_t> learned_from;
    for (std::size_t row = 0; row < rows; ++row) {
      if (fold_of[row] != fold) learned_from.push_back(static_cast<std::uint32_t>(row));
    }
    const auto trees = types::BoostedTrees::fit(table, learned_from, targets,
                                                {.loss = types::BoostedTrees::Loss::kLogistic});
    for (std::size_t row = 0; row < rows; ++row) {
      if (fold_of[row] == fold) chances[row] = trees.predict(table, row);
    }
    const std::vector<double> importance = trees.importance();
    for (std::size_t c = 0; c < importance.size(); ++c) {
      found.importance[c] += importance[c] / static_cast<double>(kClassifierFolds);
    }
  }
  found.auc = types::auc(chances, targets);
  return found;
}

}  // namespace slipway::monitor
