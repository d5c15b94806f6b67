// Walking the trees. Branches on data that nobody can foresee cost more than the arithmetic, and
// every step waits for the node before it: so numeric trees are walked without branches, several
// side by side.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "serving/trees/ensemble.h"

namespace slipway::serving::trees {

void Ensemble::make_groups() {
  for (std::size_t t = 0; t < roots_.size(); t += kTogether) {
    Group group{.first_tree = static_cast<std::uint32_t>(t),
                .trees = static_cast<std::uint32_t>(std::min(kTogether, roots_.size() - t))};
    const std::size_t begin = roots_[t], behind = t + group.trees,
                      end = behind < roots_.size() ? roots_[behind] : nodes_.size();
    std::vector<std::uint32_t> depths(end - begin, 0);
    for (std::size_t i = begin; i < end; ++i) {  // parents come first
      const Node& node = nodes_[i];
      if ((node.feature & kSplit) == 0) continue;
      const std::uint32_t depth = depths[i - begin] + 1;
      depths[node.child - begin] = depths[node.child + 1 - begin] = depth;
      group.depth = std::max(group.depth, depth);
      group.has_categories = group.has_categories || (node.feature & kCategorical) != 0;
    }
    groups_.push_back(group);
  }
}

inline bool Ensemble::goes_left(const Node& node, float value) const {
  if (std::isnan(value)) return (node.feature & kDefaultLeft) != 0;
  if ((node.feature & kCategorical) == 0) return value < node.threshold;
  // Categories in the set go right; negative and unknown ones go left.
  const auto& bits = category_sets_[std::bit_cast<std::uint32_t>(node.threshold)];
  if (!(value >= 0) || value >= static_cast<float>(bits.size() * 64)) return true;
  const auto category = static_cast<std::size_t>(value);
  return (bits[category / 64] >> (category % 64) & 1) == 0;
}

float Ensemble::leaf_of(std::uint32_t root, const float* features) const {
  const Node* node = &nodes_[root];
  while ((node->feature & kSplit) != 0)
    node =
        &nodes_[node->child + (goes_left(*node, features[node->feature & kFeatureMask]) ? 1 : 0)];
  return node->threshold;
}

void Ensemble::leaves_of(const Group& group, const float* features, float* leaves) const {
  const Node* const nodes = nodes_.data();
  const std::uint32_t* const roots = roots_.data() + group.first_tree;
  std::array<std::uint32_t, kTogether> at;
  for (std::uint32_t k = 0; k < kTogether; ++k) at[k] = roots[std::min(k, group.trees - 1)];
  for (std::uint32_t level = 0; level < group.depth; ++level) {
    std::uint32_t words = 0;
#pragma GCC unroll 8
    for (std::size_t k = 0; k < kTogether; ++k) {
      const Node& node = nodes[at[k]];
      const float value = features[node.feature & kFeatureMask];
      const auto less = static_cast<std::uint32_t>(value < node.threshold);
      const auto missing = static_cast<std::uint32_t>(value != value);
      const std::uint32_t left = (less | (missing & node.feature >> 30)) & node.feature >> 31;
      words |= node.feature;
      at[k] = node.child + left;
    }
    if ((words & kSplit) == 0) break;  // lopsided trees: all are there already
  }
  for (std::size_t k = 0; k < kTogether; ++k) leaves[k] = nodes[at[k]].threshold;
}

void Ensemble::predict(std::span<const float> features, std::span<float> out) const {
  std::copy(base_margins_.begin(), base_margins_.end(), out.begin());
  for (const Group& group : groups_) {
    std::array<float, kTogether> leaves;
    if (group.has_categories) {
      for (std::uint32_t k = 0; k < group.trees; ++k)
        leaves[k] = leaf_of(roots_[group.first_tree + k], features.data());
    } else {
      leaves_of(group, features.data(), leaves.data());
    }
    for (std::uint32_t k = 0; k < group.trees; ++k)
      out[tree_outputs_[group.first_tree + k]] += leaves[k];
  }
  switch (link_) {
    case Link::kIdentity:
      return;
    case Link::kLogistic:
      for (float& value : out.first(outputs_)) value = 1.0f / (1.0f + std::exp(-value));
      return;
    case Link::kExponential:
      for (float& value : out.first(outputs_)) value = std::exp(value);
      return;
    case Link::kSoftmax: {
      float largest = out[0];
      for (const float value : out.first(outputs_)) largest = std::max(largest, value);
      double sum = 0;
      for (float& value : out.first(outputs_)) sum += value = std::exp(value - largest);
      for (float& value : out.first(outputs_)) value = static_cast<float>(value / sum);
      return;
    }
  }
}

}  // namespace slipway::serving::trees
