// A tree ensemble ready to evaluate: our own engine for gradient-boosted and random forests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::serving::trees {

// How the sum of the leaves becomes the answer.
enum class Link { kIdentity, kLogistic, kSoftmax, kExponential };

// Names of the categories of a column, in the order of their codes; empty for a numeric column.
using Categories = std::vector<std::string>;

// Immutable once loaded; safe to use from several threads.
class Ensemble {
 public:
  // XGBoost's own formats, JSON and UBJSON, as versions 1.6 to 3.2 write them: boosters gbtree and
  // dart, numeric and categorical splits, missing values, one output per class. kCorruption: cut
  // short, not a model, or a tree that isn't one. kInvalidArgument: an objective or booster this
  // engine does not know, named.
  static Result<Ensemble> from_xgboost(std::string_view bytes);

  std::size_t feature_count() const { return feature_names_.size(); }
  std::size_t output_count() const { return outputs_; }
  const std::vector<std::string>& feature_names() const { return feature_names_; }
  // By feature. Values of a categorical feature are codes: the position in this list.
  const std::vector<Categories>& categories() const { return categories_; }
  std::size_t tree_count() const { return roots_.size(); }
  std::size_t memory_bytes() const;

  // One row: `features` has feature_count() floats, NaN for missing; writes output_count() answers.
  // Sums in float and in the order of the trees, as XGBoost does.
  void predict(std::span<const float> features, std::span<float> out) const;

 private:
  // A split goes left when value < threshold. The threshold of a leaf is its answer.
  struct Node {
    float threshold = 0;
    std::uint32_t feature = 0;  // with flags in the top bits
    std::int32_t left = 0, right = 0;
  };
  static constexpr std::uint32_t kLeaf = 1u << 31, kDefaultLeft = 1u << 30, kCategorical = 1u << 29,
                                 kFeatureMask = kCategorical - 1;

  Result<void> add_tree(const JsonObject& tree, float scale);
  Result<void> read_category_sets(const JsonObject& tree, std::size_t first);
  Result<void> read_categories(const JsonObject& model);
  bool goes_left(const Node& node, float value) const;

  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
  std::vector<std::uint32_t> tree_outputs_;  // which output each tree adds to
  std::vector<std::vector<std::uint64_t>>
      category_sets_;  // categories that go right, as bits; a categorical node's `threshold` is
                       // unused
  std::vector<std::int32_t> node_sets_;  // by node: position in category_sets_, or -1
  std::vector<float> base_margins_;
  std::vector<std::string> feature_names_;
  std::vector<Categories> categories_;
  std::size_t outputs_ = 1;
  Link link_ = Link::kIdentity;
};

}  // namespace slipway::serving::trees
