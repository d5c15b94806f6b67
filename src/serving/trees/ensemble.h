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
  // A split goes left when value < threshold. Trees stand one after the other, each level by level,
  // and the children of a node beside each other: the right one first.
  struct Node {
    float threshold = 0;        // of a leaf: its answer; of a categorical split: bits of its set
    std::uint32_t feature = 0;  // with flags in the top bits
    std::uint32_t child = 0;    // the right one; of a leaf: itself, so that a walk stays there
  };
  static constexpr std::uint32_t kSplit = 1u << 31, kDefaultLeft = 1u << 30,
                                 kCategorical = 1u << 29, kFeatureMask = kCategorical - 1;
  // Trees that are walked side by side: the processor waits for all their nodes at once.
  static constexpr std::size_t kTogether = 8;
  struct Group {
    std::uint32_t first_tree = 0, trees = 0;
    std::uint32_t depth = 0;      // of the deepest
    bool has_categories = false;  // then they are walked one by one
  };

  Result<void> add_tree(const JsonObject& tree, float scale);
  // By node of `tree`: position in category_sets_, or -1.
  Result<std::vector<std::int32_t>> read_category_sets(const JsonObject& tree, std::size_t count);
  Result<void> read_categories(const JsonObject& model);
  void make_groups();
  bool goes_left(const Node& node, float value) const;
  float leaf_of(std::uint32_t root, const float* features) const;
  void leaves_of(const Group& group, const float* features, float* leaves) const;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> tree_outputs_;                // which output each tree adds to
  std::vector<std::vector<std::uint64_t>> category_sets_;  // categories that go right, as bits
  std::vector<float> base_margins_;
  std::vector<std::string> feature_names_;
  std::vector<Categories> categories_;
  std::size_t outputs_ = 1;
  Link link_ = Link::kIdentity;
};

}  // namespace slipway::serving::trees
