// From a forest to the layout that is evaluated.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "serving/trees/ensemble.h"

namespace slipway::serving::trees {
namespace {

constexpr std::uint32_t kThresholdsPerColumn = 255;
constexpr std::size_t kNodesMax = 2'000'000'000;
constexpr std::size_t kMemberBytesMax = std::size_t{1} << 28;
// A leaf that adds to few of many sums still has a place for each.
constexpr std::size_t kValuesAlways = std::size_t{1} << 24, kValuesPerWeight = 64;
// Of trees that are evaluated for many blocks in turn: half of a small second-level cache.
constexpr std::size_t kGroupBytes = 256 * 1024;

Error not_a_tree(std::size_t tree, std::string_view what) {
  return base::error(Code::kCorruption, "{}: tree={}", what, tree);
}

// Numbers ascending, and NaN, which no value reaches, behind them.
bool before(double a, double b) { return a < b || (std::isnan(b) && !std::isnan(a)); }

struct AxisPlan {
  Axis axis;
  std::vector<double> numbers;           // thresholds or keys
  std::vector<std::uint32_t> column_of;  // ordered: 2 * part + missing_yes -> column; kNone: unused
  std::vector<std::uint32_t> column_by_set[2];
  std::vector<std::pair<std::uint32_t, bool>> sets;  // members: by column
};
constexpr std::uint32_t kNone = ~std::uint32_t{0};

class Compiler {
 public:
  Compiler(Forest& forest, Layout& layout) : forest_(forest), layout_(layout) {}

  Result<void> compile() {
    order_.resize(forest_.trees.size());
    for (std::size_t t = 0; t < forest_.trees.size(); ++t) TRY(arrange(t));
    for (auto& set : forest_.sets) {
      std::sort(set.begin(), set.end(), before);
      set.erase(std::unique(set.begin(), set.end()), set.end());
    }
    TRY(make_columns());
    for (std::size_t t = 0; t < forest_.trees.size(); ++t) TRY(emit(t));
    return {};
  }

 private:
  // Nodes level by level, each once; and what they ask.
  Result<void> arrange(std::size_t t) {
    Tree& tree = forest_.trees[t];
    if (tree.nodes.empty()) return not_a_tree(t, "a tree without nodes");
    if (tree.nodes.size() >= kColumnsMax) return not_a_tree(t, "a tree has too many nodes");
    nodes_ += tree.nodes.size();
    if (nodes_ > kNodesMax) return not_a_tree(t, "too many nodes");
    std::vector<std::uint32_t>& order = order_[t];
    std::vector<bool> seen(tree.nodes.size());
    order.push_back(0);
    seen[0] = true;
    for (std::size_t placed = 0; placed < order.size(); ++placed) {
      Node& node = tree.nodes[order[placed]];
      if (node.kind == Node::Kind::kLeaf) {
        if (node.yes > node.no || node.no > tree.weights.size())
          return not_a_tree(t, "a leaf's weights are out of place");
        continue;
      }
      for (const std::uint32_t child : {node.yes, node.no}) {
        if (child >= tree.nodes.size()) return not_a_tree(t, "a node's child is out of place");
        if (seen[child]) return not_a_tree(t, "a node has two parents");
        seen[child] = true;
        order.push_back(child);
      }
      if (node.feature >= forest_.feature_names.size())
        return not_a_tree(t, "a split on a feature that isn't there");
      if (node.kind == Node::Kind::kMember && node.set >= forest_.sets.size())
        return not_a_tree(t, "a split on a set that isn't there");
      note(node);
    }
    return {};
  }

  AxisPlan& axis_of(const Node& node) {
    const bool members = node.kind == Node::Kind::kMember;
    const std::uint64_t id =
        std::uint64_t{node.feature} << 8 | static_cast<unsigned>(members) << 6 |
        static_cast<unsigned>(node.missing) << 3 | (members ? static_cast<unsigned>(node.key) : 0u);
    const auto [found, is_new] = axis_ids_.try_emplace(id, axes_.size());
    if (is_new) {
      AxisPlan& plan = axes_.emplace_back();
      plan.axis.feature = node.feature;
      plan.axis.is_members = members;
      plan.axis.missing = node.missing;
      plan.axis.key = node.key;
    }
    return axes_[found->second];
  }

  void note(Node& node) {
    if (node.missing == Missing::kNanIsZero) node.missing_yes = false;
    if (node.kind == Node::Kind::kLess && !forest_.doubles_compared)
      node.threshold = static_cast<double>(static_cast<float>(node.threshold));
    AxisPlan& plan = axis_of(node);
    if (node.kind == Node::Kind::kLess) {
      plan.numbers.push_back(node.threshold);
    } else {
      plan.sets.emplace_back(node.set, node.missing_yes);
    }
  }

  Result<void> make_columns() {
    // Splits on many features may share one long set.
    std::size_t members = 0;
    for (AxisPlan& plan : axes_) {
      std::sort(plan.sets.begin(), plan.sets.end());
      plan.sets.erase(std::unique(plan.sets.begin(), plan.sets.end()), plan.sets.end());
      for (const auto& [set, missing_yes] : plan.sets) members += forest_.sets[set].size();
    }
    if (members > kMemberBytesMax / sizeof(double)) return too_many_categories();
    for (AxisPlan& plan : axes_) {
      if (plan.axis.is_members) {
        for (const auto& [set, missing_yes] : plan.sets)
          plan.numbers.insert(plan.numbers.end(), forest_.sets[set].begin(),
                              forest_.sets[set].end());
      }
      std::sort(plan.numbers.begin(), plan.numbers.end(), before);
      plan.numbers.erase(std::unique(plan.numbers.begin(), plan.numbers.end(),
                                     [](double a, double b) {
                                       return a == b || (std::isnan(a) && std::isnan(b));
                                     }),
                         plan.numbers.end());
      plan.axis.count = static_cast<std::uint32_t>(plan.numbers.size());
      if (!plan.axis.is_members)
        plan.column_of.assign(2 * (plan.numbers.size() / kThresholdsPerColumn + 1), kNone);
    }
    for (std::size_t t = 0; t < forest_.trees.size(); ++t) {
      for (const std::uint32_t at : order_[t]) {
        const Node& node = forest_.trees[t].nodes[at];
        if (node.kind != Node::Kind::kLess) continue;
        AxisPlan& plan = axis_of(node);
        plan.column_of[2 * (rank_of(plan, node) / kThresholdsPerColumn) +
                       (node.missing_yes ? 1 : 0)] = 0;
      }
    }
    std::size_t column = 0;
    for (AxisPlan& plan : axes_) {
      plan.axis.first_column = static_cast<std::uint32_t>(column);
      if (plan.axis.is_members) {
        TRY(make_member_columns(plan));
        column += plan.sets.size();
        layout_.columns.resize(column);
      } else {
        for (std::size_t i = 0; i < plan.column_of.size(); ++i) {
          if (plan.column_of[i] == kNone) continue;
          plan.column_of[i] = static_cast<std::uint32_t>(column++);
          layout_.columns.push_back(
              {.start = static_cast<std::uint32_t>(i / 2) * kThresholdsPerColumn,
               .missing_bin = i % 2 == 1 ? 0u : 255u});
        }
        if (forest_.doubles_compared) {
          plan.axis.first = layout_.double_thresholds.size();
          layout_.double_thresholds.insert(layout_.double_thresholds.end(), plan.numbers.begin(),
                                           plan.numbers.end());
        } else {
          plan.axis.first = layout_.float_thresholds.size();
          for (const double number : plan.numbers)
            layout_.float_thresholds.push_back(static_cast<float>(number));
        }
      }
      if (column >= kColumnsMax)
        return base::error(Code::kInvalidArgument, "too many different splits: limit={}",
                           kColumnsMax);
      plan.axis.columns = static_cast<std::uint32_t>(column) - plan.axis.first_column;
      layout_.axes.push_back(plan.axis);
      layout_.column_features.resize(column, plan.axis.feature);
    }
    return {};
  }

  static Error too_many_categories() {
    return base::error(Code::kInvalidArgument,
                       "too many categories in too many splits: bytes_limit={}", kMemberBytesMax);
  }

  // A row of bits for other values, then one per key, then one for missing values; 1: "no".
  Result<void> make_member_columns(AxisPlan& plan) {
    Axis& axis = plan.axis;
    axis.first = layout_.keys.size();
    layout_.keys.insert(layout_.keys.end(), plan.numbers.begin(), plan.numbers.end());
    axis.words = static_cast<std::uint32_t>((plan.sets.size() + 63) / 64);
    axis.first_word = layout_.member_bits.size();
    const std::size_t words = (plan.numbers.size() + 2) * axis.words;
    if ((axis.first_word + words) * sizeof(std::uint64_t) > kMemberBytesMax)
      return too_many_categories();
    layout_.member_bits.resize(axis.first_word + words, ~std::uint64_t{0});
    std::uint64_t* const bits = layout_.member_bits.data() + axis.first_word;
    const auto clear = [&](std::size_t row, std::size_t s) {
      bits[row * axis.words + s / 64] &= ~(std::uint64_t{1} << (s % 64));
    };
    for (std::size_t s = 0; s < plan.sets.size(); ++s) {
      const auto& [set, missing_yes] = plan.sets[s];
      for (const double key : forest_.sets[set]) {
        const auto found = std::lower_bound(plan.numbers.begin(), plan.numbers.end(), key, before);
        clear(static_cast<std::size_t>(found - plan.numbers.begin()) + 1, s);
      }
      if (missing_yes) clear(plan.numbers.size() + 1, s);
    }
    return {};
  }

  static std::uint32_t rank_of(const AxisPlan& plan, const Node& node) {
    return static_cast<std::uint32_t>(
        std::lower_bound(plan.numbers.begin(), plan.numbers.end(), node.threshold, before) -
        plan.numbers.begin());
  }

  // The column a split looks at, and the last bin that goes to "yes".
  std::pair<std::uint32_t, std::uint32_t> place_of(const Node& node) {
    const AxisPlan& plan = axis_of(node);
    if (node.kind == Node::Kind::kMember) {
      const auto found = std::lower_bound(plan.sets.begin(), plan.sets.end(),
                                          std::pair(node.set, node.missing_yes));
      return {plan.axis.first_column + static_cast<std::uint32_t>(found - plan.sets.begin()), 0};
    }
    const std::uint32_t rank = rank_of(plan, node);
    return {plan.column_of[2 * (rank / kThresholdsPerColumn) + (node.missing_yes ? 1 : 0)],
            rank % kThresholdsPerColumn};
  }

  Result<void> emit(std::size_t t) {
    const Tree& tree = forest_.trees[t];
    const std::vector<std::uint32_t>& order = order_[t];
    const std::size_t count = order.size();
    TreeLayout out;
    // By place in the order: children follow their parent, two by two.
    std::vector<std::uint32_t> child(count, 0), leaves(count, 1), first_leaf(count, 0),
        depth(count, 0), split(count, kNoSplit);
    std::uint32_t next = 1, splits = 0;
    for (std::size_t i = 0; i < count; ++i) {
      out.depth = std::max(out.depth, depth[i]);
      if (tree.nodes[order[i]].kind == Node::Kind::kLeaf) continue;
      child[i] = next;
      depth[next] = depth[next + 1] = depth[i] + 1;
      next += 2;
      split[i] = splits++;
    }
    for (std::size_t i = count; i-- > 0;) {
      if (child[i] != 0) leaves[i] = leaves[child[i]] + leaves[child[i] + 1];
    }
    out.leaves = leaves[0];
    out.is_flat = out.leaves <= kFlatLeavesMax;
    out.splits = out.is_flat ? splits : 0;
    out.first_split = static_cast<std::uint32_t>(layout_.splits.size());
    out.root = static_cast<std::uint32_t>(layout_.nodes.size());
    for (std::size_t i = 0; i < count; ++i) {
      const Node& node = tree.nodes[order[i]];
      if (child[i] == 0) {
        layout_.nodes.push_back({.child = out.root + static_cast<std::uint32_t>(i),
                                 .column_and_last = first_leaf[i] << 8 | 255});
        continue;
      }
      first_leaf[child[i]] = first_leaf[i];
      first_leaf[child[i] + 1] = first_leaf[i] + leaves[child[i]];
      const auto [column, last] = place_of(node);
      layout_.nodes.push_back(
          {.child = out.root + child[i], .column_and_last = column << 8 | last});
      if (!out.is_flat) continue;
      const auto below = [&](std::uint32_t at) {
        return static_cast<std::uint8_t>(child[at] == 0 ? kNoSplit : split[at]);
      };
      constexpr std::uint32_t kFourTimes = 0x01010101;
      layout_.splits.push_back({.column = column * static_cast<std::uint32_t>(kBlockRows),
                                .last = last * kFourTimes,
                                .skip = leaves[child[i]] * kFourTimes,
                                .yes = below(child[i]),
                                .no = below(child[i] + 1)});
    }
    if (forest_.has_covers) emit_shares(t, child);
    out.asked = asked_features(tree, order, child);
    TRY(emit_values(t, out, first_leaf, child));
    layout_.leaves_max = std::max<std::size_t>(layout_.leaves_max, out.leaves);
    layout_.trees.push_back(out);
    return {};
  }

  // Of two nodes below one that nothing came to, each has half. Covers that make no sense are none.
  void emit_shares(std::size_t t, const std::vector<std::uint32_t>& child) {
    const Tree& tree = forest_.trees[t];
    const std::vector<std::uint32_t>& order = order_[t];
    const std::size_t first = layout_.shares.size();
    layout_.shares.resize(first + order.size(), 1.0);
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (child[i] == 0) continue;
      const double yes = tree.nodes[order[child[i]]].cover,
                   no = tree.nodes[order[child[i] + 1]].cover, both = yes + no;
      if (!(yes >= 0 && no >= 0 && std::isfinite(both)) || (i == 0 && both == 0)) {
        forest_.has_covers = false;
        layout_.shares.clear();
        return;
      }
      layout_.shares[first + child[i]] = both > 0 ? yes / both : 0.5;
      layout_.shares[first + child[i] + 1] = both > 0 ? no / both : 0.5;
    }
  }

  // Different features on the way to a leaf, at most.
  static std::uint32_t asked_features(const Tree& tree, const std::vector<std::uint32_t>& order,
                                      const std::vector<std::uint32_t>& child) {
    std::unordered_map<std::uint32_t, std::uint32_t> times;  // on the way to where we are
    std::uint32_t most = 0, now = 0;
    std::vector<std::pair<std::uint32_t, bool>> open = {{0, false}};  // and whether we leave it
    while (!open.empty()) {
      const auto [at, leaves] = open.back();
      open.pop_back();
      if (child[at] == 0) continue;
      std::uint32_t& count = times[tree.nodes[order[at]].feature];
      if (leaves) {
        if (--count == 0) --now;
        continue;
      }
      if (++count == 1) most = std::max(most, ++now);
      for (const auto& next :
           {std::pair(at, true), std::pair(child[at], false), std::pair(child[at] + 1, false)})
        open.push_back(next);
    }
    return most;
  }

  Result<void> emit_values(std::size_t t, TreeLayout& out,
                           const std::vector<std::uint32_t>& first_leaf,
                           const std::vector<std::uint32_t>& child) {
    const Tree& tree = forest_.trees[t];
    const std::vector<std::uint32_t>& order = order_[t];
    std::map<std::uint32_t, std::vector<double>> values;  // by sum, then by leaf
    // Where the least or greatest is asked for, NaN says that a leaf has nothing to say.
    const double nothing = forest_.aggregate == Aggregate::kSum ? 0.0 : std::nan("");
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (child[i] != 0) continue;
      const Node& leaf = tree.nodes[order[i]];
      for (std::uint32_t w = leaf.yes; w < leaf.no; ++w) {
        const Weight& weight = tree.weights[w];
        if (weight.sum >= forest_.sums)
          return not_a_tree(t, "a leaf adds to an output that isn't there");
        ++weights_;
        const auto [found, is_new] = values.try_emplace(weight.sum);
        if (is_new) {
          values_ += out.leaves;
          if (values_ > std::max(kValuesAlways, kValuesPerWeight * weights_))
            return base::error(Code::kInvalidArgument, "leaves are too sparse: tree={}", t);
          found->second.assign(out.leaves, nothing);
        }
        double& value = found->second[first_leaf[i]];
        switch (forest_.aggregate) {
          case Aggregate::kSum:
            value += weight.value;
            break;
          case Aggregate::kMin:
            value = std::fmin(value, weight.value);
            break;
          case Aggregate::kMax:
            value = std::fmax(value, weight.value);
            break;
        }
      }
    }
    out.first_target = static_cast<std::uint32_t>(layout_.targets.size());
    out.targets = static_cast<std::uint32_t>(values.size());
    for (const auto& [sum, numbers] : values) {
      const std::uint64_t first =
          forest_.doubles_summed ? layout_.double_values.size() : layout_.float_values.size();
      layout_.targets.push_back({.sum = sum, .first_value = first});
      for (const double number : numbers) {
        if (forest_.doubles_summed) {
          layout_.double_values.push_back(number);
        } else {
          layout_.float_values.push_back(static_cast<float>(number));
        }
      }
    }
    return {};
  }

  Forest& forest_;
  Layout& layout_;
  std::vector<std::vector<std::uint32_t>> order_;  // by tree: its nodes, level by level
  std::vector<AxisPlan> axes_;
  std::unordered_map<std::uint64_t, std::size_t> axis_ids_;
  std::size_t nodes_ = 0, weights_ = 0, values_ = 0;
};

std::size_t outputs_of(const Forest& forest) {
  if (forest.link == Link::kLargest) return 1;
  return forest.one_score ? 2 : forest.sums;
}

}  // namespace

Result<Ensemble> Ensemble::compile(Forest forest) {
  Ensemble ensemble;
  if (forest.base.size() != forest.sums || forest.sums == 0)
    return base::error(Code::kCorruption, "base values are not as many as sums: values={} sums={}",
                       forest.base.size(), forest.sums);
  ensemble.layout_.aggregate = forest.aggregate;
  TRY(Compiler(forest, ensemble.layout_).compile());
  const Layout& layout = ensemble.layout_;
  ensemble.walk_order_.resize(layout.trees.size());
  std::iota(ensemble.walk_order_.begin(), ensemble.walk_order_.end(), 0u);
  std::stable_sort(ensemble.walk_order_.begin(), ensemble.walk_order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) {
                     return layout.trees[a].depth < layout.trees[b].depth;
                   });
  std::size_t bytes = 0;
  for (std::size_t t = 0; t < layout.trees.size(); ++t) {
    if (t == 0 || bytes > kGroupBytes) {
      ensemble.tree_groups_.push_back(t);
      bytes = 0;
    }
    const TreeLayout& tree = layout.trees[t];
    bytes += tree.splits * sizeof(FlatSplit) + std::size_t{tree.leaves} * tree.targets * 8;
  }
  ensemble.tree_groups_.push_back(layout.trees.size());
  ensemble.outputs_ = outputs_of(forest);
  ensemble.sums_ = forest.sums;
  ensemble.feature_names_ = std::move(forest.feature_names);
  ensemble.categories_ = std::move(forest.categories);
  ensemble.categories_.resize(ensemble.feature_names_.size());
  ensemble.base_ = std::move(forest.base);
  ensemble.base_first_ = forest.base_first;
  ensemble.doubles_compared_ = forest.doubles_compared;
  ensemble.doubles_summed_ = forest.doubles_summed;
  ensemble.divisor_ = forest.divisor;
  ensemble.slope_ = forest.slope;
  ensemble.link_ = forest.link;
  ensemble.one_score_ = forest.one_score;
  ensemble.decisive_sum_ = forest.decisive_sum;
  ensemble.class_above_ = forest.class_above;
  ensemble.has_covers_ = forest.has_covers;
  ensemble.kernel_ = &kernel_of(best_instruction_set());
  if (ensemble.has_covers_) ensemble.prepare_to_explain();
  return ensemble;
}

}  // namespace slipway::serving::trees
