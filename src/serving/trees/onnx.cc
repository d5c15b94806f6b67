// ONNX's tree operators: TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml 1 and 3,
// TreeEnsemble of ai.onnx.ml 5. Where the specification is vague ONNX Runtime decides.
#include "serving/trees/onnx.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace slipway::serving::trees {
namespace {

constexpr std::size_t kFeaturesMax = 1'000'000, kSumsMax = 10'000;

enum class Mode { kLessEqual, kLess, kGreaterEqual, kGreater, kEqual, kNotEqual, kMember, kLeaf };

Error broken(const onnx::Node& node, std::string_view what) {
  return base::error(Code::kCorruption, "ONNX: {} {}: {}", node.op_type, node.name, what);
}

Error unsupported(const onnx::Node& node, std::string_view what) {
  return base::error(Code::kInvalidArgument, "ONNX: {} {}: {}", node.op_type, node.name, what);
}

// An attribute's integers; none when it is absent.
std::vector<std::int64_t> integers(const onnx::Node& node, std::string_view name) {
  const onnx::Attribute* found = node.find(name);
  return found == nullptr ? std::vector<std::int64_t>() : found->integers;
}

std::int64_t integer(const onnx::Node& node, std::string_view name, std::int64_t otherwise) {
  const onnx::Attribute* found = node.find(name);
  return found == nullptr ? otherwise : found->integer;
}

// Floats, or the tensor that stands for them since ai.onnx.ml 3.
Result<std::vector<double>> numbers(const onnx::Node& node, const std::string& name) {
  if (const onnx::Attribute* tensor = node.find(name + "_as_tensor");
      tensor != nullptr && !tensor->tensors.empty())
    return TRY(tensor->tensors[0].numbers());
  const onnx::Attribute* found = node.find(name);
  if (found == nullptr) return std::vector<double>();
  if (!found->tensors.empty()) return TRY(found->tensors[0].numbers());
  return std::vector<double>(found->numbers.begin(), found->numbers.end());
}

Result<Link> link_of(const onnx::Node& node) {
  static constexpr struct {
    std::string_view name;
    Link link;
  } kKnown[] = {{"NONE", Link::kIdentity},
                {"SOFTMAX", Link::kSoftmax},
                {"LOGISTIC", Link::kLogistic},
                {"SOFTMAX_ZERO", Link::kSoftmaxZero},
                {"PROBIT", Link::kProbit}};
  const onnx::Attribute* found = node.find("post_transform");
  if (found == nullptr) return Link::kIdentity;
  if (node.op_type == "TreeEnsemble") {
    // ONNX Runtime numbers SOFTMAX and LOGISTIC the other way round than the specification; what is
    // in production was tried there.
    if (found->integer == 1) return Link::kLogistic;
    if (found->integer == 2) return Link::kSoftmax;
    if (found->integer < 0 || found->integer >= static_cast<std::int64_t>(std::size(kKnown)))
      return broken(node, fmt::format("no such post_transform: {}", found->integer));
    return kKnown[found->integer].link;
  }
  for (const auto& known : kKnown) {
    if (known.name == found->text) return known.link;
  }
  return unsupported(node, fmt::format("no such post_transform: {}", found->text));
}

Result<Mode> mode_of(const onnx::Node& node, std::string_view name) {
  static constexpr std::string_view kNames[] = {"BRANCH_LEQ",    "BRANCH_LT", "BRANCH_GTE",
                                                "BRANCH_GT",     "BRANCH_EQ", "BRANCH_NEQ",
                                                "BRANCH_MEMBER", "LEAF"};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Mode>(i);
  }
  return unsupported(node, fmt::format("no such mode of a node: {}", name.substr(0, 40)));
}

enum class Function { kSum, kAverage, kMin, kMax };

void set_function(Function function, std::size_t trees, Forest& forest) {
  switch (function) {
    case Function::kSum:
      return;
    case Function::kAverage:
      forest.divisor = static_cast<double>(std::max<std::size_t>(trees, 1));
      return;
    case Function::kMin:
      forest.aggregate = Aggregate::kMin;
      return;
    case Function::kMax:
      forest.aggregate = Aggregate::kMax;
      return;
  }
}

// What a split asks, as `to` says it; `when_true` and `when_false` are its children.
void set_split(Mode mode, double value, bool missing_true, std::uint32_t when_true,
               std::uint32_t when_false, Forest& forest, Node& to) {
  const double infinity = std::numeric_limits<double>::infinity();
  // At most the value is less than the next number, of which there is none behind infinity.
  const auto above = [&] {
    if (std::isnan(value)) return -infinity;
    if (value == infinity) return std::nan("");
    return forest.doubles_compared
               ? std::nextafter(value, infinity)
               : static_cast<double>(std::nextafter(static_cast<float>(value),
                                                    std::numeric_limits<float>::infinity()));
  };
  bool swapped = false, nan_true = false;
  switch (mode) {
    case Mode::kLessEqual:
    case Mode::kGreater:
      to.kind = Node::Kind::kLess;
      to.threshold = above();
      swapped = mode == Mode::kGreater;
      break;
    case Mode::kLess:
    case Mode::kGreaterEqual:
      to.kind = Node::Kind::kLess;
      to.threshold = std::isnan(value) ? -infinity : value;
      swapped = mode == Mode::kGreaterEqual;
      break;
    case Mode::kEqual:
    case Mode::kNotEqual:
    case Mode::kMember:
      to.kind = Node::Kind::kMember;
      to.key = Key::kExact;
      swapped = nan_true = mode == Mode::kNotEqual;
      break;
    case Mode::kLeaf:
      return;
  }
  to.yes = swapped ? when_false : when_true;
  to.no = swapped ? when_true : when_false;
  to.missing_yes = (missing_true || nan_true) != swapped;
}

// NaN is greater than nothing and equal to nothing: a split on it is false for all numbers.
bool never_true(Mode mode, double value) {
  return std::isnan(value) && (mode == Mode::kGreater || mode == Mode::kGreaterEqual);
}

// The older operators: a node is known by its tree's and its own number.
Result<void> read_nodes(const onnx::Node& node, std::string_view kind, Forest& forest) {
  const auto trees = integers(node, "nodes_treeids"), ids = integers(node, "nodes_nodeids"),
             features = integers(node, "nodes_featureids"),
             trues = integers(node, "nodes_truenodeids"),
             falses = integers(node, "nodes_falsenodeids"),
             missing = integers(node, "nodes_missing_value_tracks_true");
  const std::vector<double> values = TRY(numbers(node, "nodes_values"));
  const onnx::Attribute* modes = node.find("nodes_modes");
  const std::size_t count = trees.size();
  if (modes == nullptr || modes->texts.size() != count || ids.size() != count ||
      features.size() != count || trues.size() != count || falses.size() != count ||
      values.size() != count || (!missing.empty() && missing.size() != count))
    return broken(node, "the attributes of nodes differ in length");
  struct Place {
    std::uint32_t tree, node;
  };
  struct Hash {
    std::size_t operator()(const std::pair<std::int64_t, std::int64_t>& id) const {
      return static_cast<std::size_t>(id.first) * 0x9E3779B97F4A7C15u ^
             static_cast<std::size_t>(id.second) * 0xC2B2AE3D27D4EB4Fu;
    }
  };
  std::unordered_map<std::pair<std::int64_t, std::int64_t>, Place, Hash> places;
  std::unordered_map<std::int64_t, std::uint32_t> tree_of;
  std::vector<std::uint32_t> sizes;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [found, is_new] =
        tree_of.try_emplace(trees[i], static_cast<std::uint32_t>(sizes.size()));
    if (is_new) sizes.push_back(0);
    if (!places.try_emplace({trees[i], ids[i]}, Place{found->second, sizes[found->second]++})
             .second)
      return broken(node, fmt::format("node {} of tree {} is there twice", ids[i], trees[i]));
  }
  forest.trees.resize(sizes.size());
  for (std::size_t t = 0; t < sizes.size(); ++t) forest.trees[t].nodes.resize(sizes[t]);

  // Weights by leaf, in the order of the file.
  const std::string prefix(kind);
  const auto weight_trees = integers(node, prefix + "_treeids"),
             weight_nodes = integers(node, prefix + "_nodeids"),
             weight_sums = integers(node, prefix + "_ids");
  const std::vector<double> weights = TRY(numbers(node, prefix + "_weights"));
  if (weight_trees.size() != weights.size() || weight_nodes.size() != weights.size() ||
      weight_sums.size() != weights.size())
    return broken(node, "the attributes of leaves differ in length");
  std::vector<std::vector<std::pair<std::uint32_t, Weight>>> by_tree(sizes.size());
  for (std::size_t w = 0; w < weights.size(); ++w) {
    const auto found = places.find({weight_trees[w], weight_nodes[w]});
    if (found == places.end())
      return broken(node, fmt::format("a weight of node {} of tree {}, which isn't there",
                                      weight_nodes[w], weight_trees[w]));
    if (weight_sums[w] < 0 || weight_sums[w] >= static_cast<std::int64_t>(forest.sums))
      return broken(node, fmt::format("a weight of output {}, which isn't there", weight_sums[w]));
    by_tree[found->second.tree].push_back(
        {found->second.node,
         {.sum = static_cast<std::uint32_t>(weight_sums[w]), .value = weights[w]}});
  }
  for (std::size_t t = 0; t < sizes.size(); ++t) {
    Tree& tree = forest.trees[t];
    std::stable_sort(by_tree[t].begin(), by_tree[t].end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [at, weight] : by_tree[t]) {
      Node& leaf = tree.nodes[at];
      if (leaf.no == 0) leaf.yes = static_cast<std::uint32_t>(tree.weights.size());
      tree.weights.push_back(weight);
      leaf.no = static_cast<std::uint32_t>(tree.weights.size());
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Mode mode = TRY(mode_of(node, modes->texts[i]));
    if (mode == Mode::kMember) return unsupported(node, "BRANCH_MEMBER belongs to TreeEnsemble");
    if (mode == Mode::kLeaf) continue;
    const Place place = places.at({trees[i], ids[i]});
    const auto when_true = places.find({trees[i], trues[i]}),
               when_false = places.find({trees[i], falses[i]});
    if (when_true == places.end() || when_false == places.end())
      return broken(
          node, fmt::format("node {} of tree {} has a child that isn't there", ids[i], trees[i]));
    if (features[i] < 0 || features[i] >= static_cast<std::int64_t>(kFeaturesMax))
      return broken(node, fmt::format("no such feature: {}", features[i]));
    Node& to = forest.trees[place.tree].nodes[place.node];
    to.feature = static_cast<std::uint32_t>(features[i]);
    const bool never = never_true(mode, values[i]);
    set_split(never ? Mode::kLess : mode, values[i], !missing.empty() && missing[i] == 1,
              when_true->second.node, when_false->second.node, forest, to);
    if (to.kind != Node::Kind::kMember) continue;
    to.set = static_cast<std::uint32_t>(forest.sets.size());
    forest.sets.emplace_back();
    if (!std::isnan(values[i])) forest.sets.back().push_back(values[i]);
  }
  return {};
}

// TreeEnsemble: splits and leaves in two lists, trees by their roots.
Result<void> read_splits(const onnx::Node& node, Forest& forest) {
  const auto roots = integers(node, "tree_roots"), features = integers(node, "nodes_featureids"),
             trues = integers(node, "nodes_truenodeids"),
             true_leaves = integers(node, "nodes_trueleafs"),
             falses = integers(node, "nodes_falsenodeids"),
             false_leaves = integers(node, "nodes_falseleafs"),
             missing = integers(node, "nodes_missing_value_tracks_true"),
             leaf_sums = integers(node, "leaf_targetids");
  const std::vector<double> values = TRY(numbers(node, "nodes_splits")),
                            weights = TRY(numbers(node, "leaf_weights")),
                            members = TRY(numbers(node, "membership_values")),
                            modes = TRY(numbers(node, "nodes_modes"));
  const std::size_t count = features.size();
  if (trues.size() != count || true_leaves.size() != count || falses.size() != count ||
      false_leaves.size() != count || values.size() != count || modes.size() != count ||
      (!missing.empty() && missing.size() != count) || leaf_sums.size() != weights.size())
    return broken(node, "the attributes of nodes differ in length");
  std::vector<std::uint32_t> set_of(count, 0);  // sets end with NaN
  std::size_t member = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!(modes[i] >= 0 && modes[i] < static_cast<double>(Mode::kLeaf)))
      return broken(node, fmt::format("no such mode of a node: {}", modes[i]));
    if (features[i] < 0 || features[i] >= static_cast<std::int64_t>(kFeaturesMax))
      return broken(node, fmt::format("no such feature: {}", features[i]));
    const auto mode = static_cast<Mode>(static_cast<int>(modes[i]));
    if (mode != Mode::kMember && mode != Mode::kEqual && mode != Mode::kNotEqual) continue;
    set_of[i] = static_cast<std::uint32_t>(forest.sets.size());
    std::vector<double>& set = forest.sets.emplace_back();
    if (mode != Mode::kMember) {
      if (!std::isnan(values[i])) set.push_back(values[i]);
      continue;
    }
    if (member >= members.size()) return broken(node, "membership_values has too few sets");
    for (; member < members.size() && !std::isnan(members[member]); ++member)
      set.push_back(members[member]);
    ++member;
  }
  for (std::size_t w = 0; w < weights.size(); ++w) {
    if (leaf_sums[w] < 0 || leaf_sums[w] >= static_cast<std::int64_t>(forest.sums))
      return broken(node, fmt::format("a leaf of output {}, which isn't there", leaf_sums[w]));
  }
  std::vector<bool> seen(count);
  for (const std::int64_t root : roots) {
    Tree& tree = forest.trees.emplace_back();
    std::vector<std::int64_t> order{root};  // by place in the tree: a node, or ~leaf
    tree.nodes.emplace_back();
    for (std::size_t placed = 0; placed < order.size(); ++placed) {
      const std::int64_t at = order[placed];
      if (at < 0) {
        const auto leaf = static_cast<std::size_t>(~at);
        tree.nodes[placed].yes = static_cast<std::uint32_t>(tree.weights.size());
        tree.nodes[placed].no = tree.nodes[placed].yes + 1;
        tree.weights.push_back(
            {.sum = static_cast<std::uint32_t>(leaf_sums[leaf]), .value = weights[leaf]});
        continue;
      }
      if (at >= static_cast<std::int64_t>(count))
        return broken(node, fmt::format("no such node: {}", at));
      const auto i = static_cast<std::size_t>(at);
      if (seen[i]) return broken(node, fmt::format("node {} has two parents", at));
      seen[i] = true;
      const auto below = [&](std::int64_t child, bool is_leaf) -> Result<std::uint32_t> {
        if (child < 0 || (is_leaf && child >= static_cast<std::int64_t>(weights.size())))
          return broken(node, fmt::format("node {} has a child that isn't there", at));
        order.push_back(is_leaf ? ~child : child);
        tree.nodes.emplace_back();
        return static_cast<std::uint32_t>(order.size() - 1);
      };
      const std::uint32_t when_true = TRY(below(trues[i], true_leaves[i] != 0)),
                          when_false = TRY(below(falses[i], false_leaves[i] != 0));
      Node& to = tree.nodes[placed];
      to.feature = static_cast<std::uint32_t>(features[i]);
      to.set = set_of[i];
      const auto mode = static_cast<Mode>(static_cast<int>(modes[i]));
      set_split(never_true(mode, values[i]) ? Mode::kLess : mode, values[i],
                !missing.empty() && missing[i] == 1, when_true, when_false, forest, to);
    }
  }
  return {};
}

// Of two classes the specification leaves open what leaves and base values of one of them mean;
// this is ONNX Runtime's reading, also where it is odd.
void settle_two_classes(std::vector<double>& base, Forest& forest) {
  bool used[2] = {}, positive = true;
  for (const Tree& tree : forest.trees) {
    for (const Weight& weight : tree.weights) {
      used[weight.sum] = true;
      positive = positive && weight.value >= 0;
    }
  }
  const bool both = used[0] && used[1];
  if (!both && positive) forest.class_above = 0.5;
  forest.decisive_sum = used[1] ? 1 : 0;
  if (!used[1]) {
    if (base.size() == 2) {
      base[1] = 0;
    } else {
      forest.one_score = true;
    }
    return;
  }
  if (base.size() == 2) {  // the first class decides for both
    for (Tree& tree : forest.trees) {
      std::vector<Weight> weights;
      for (Node& node : tree.nodes) {
        if (node.kind != Node::Kind::kLeaf) continue;
        const std::uint32_t first = node.yes, last = node.no;
        node.yes = static_cast<std::uint32_t>(weights.size());
        for (std::uint32_t w = first; w < last; ++w) {
          if (tree.weights[w].sum != 0) continue;
          weights.push_back({.sum = 0, .value = -tree.weights[w].value});
          weights.push_back({.sum = 1, .value = tree.weights[w].value});
        }
        node.no = static_cast<std::uint32_t>(weights.size());
      }
      tree.weights = std::move(weights);
    }
    base[0] = both ? -base[1] : 0;
  } else if (!used[0]) {
    base.clear();
  }
}

Result<void> make_classifier(const onnx::Node& node, OnnxTrees& trees, std::vector<double>& base,
                             Forest& forest) {
  if (const onnx::Attribute* names = node.find("classlabels_strings"); names != nullptr)
    trees.text_labels = names->texts;
  if (trees.text_labels.empty()) {
    const onnx::Attribute* ids = node.find("classlabels_int64s");
    if (ids != nullptr) trees.integer_labels = ids->integers;
  }
  const std::size_t classes = std::max(trees.text_labels.size(), trees.integer_labels.size());
  if (classes < 2 || classes > kSumsMax)
    return broken(node, fmt::format("the number of class labels is out of range: {}", classes));
  forest.sums = classes;
  TRY(read_nodes(node, "class", forest));
  if (base.size() > classes) return broken(node, "base_values has a wrong length");
  if (classes == 2) settle_two_classes(base, forest);
  return {};
}

}  // namespace

Result<OnnxTrees> read_onnx_trees(const onnx::Node& node, std::size_t features, bool doubles) {
  OnnxTrees trees;
  Forest forest;
  forest.base_first = false;
  forest.doubles_compared = forest.doubles_summed = doubles;
  forest.link = TRY(link_of(node));
  std::vector<double> base = TRY(numbers(node, "base_values"));
  Function function = Function::kSum;
  if (node.op_type == "TreeEnsembleClassifier") {
    trees.is_classifier = true;
    TRY(make_classifier(node, trees, base, forest));
  } else {
    const std::int64_t targets = integer(node, "n_targets", 1);
    if (targets < 1 || targets > static_cast<std::int64_t>(kSumsMax))
      return broken(node, fmt::format("n_targets is out of range: {}", targets));
    forest.sums = static_cast<std::size_t>(targets);
    if (node.op_type == "TreeEnsembleRegressor") {
      static constexpr std::string_view kNames[] = {"SUM", "AVERAGE", "MIN", "MAX"};
      if (const onnx::Attribute* name = node.find("aggregate_function"); name != nullptr) {
        const auto* const found = std::find(std::begin(kNames), std::end(kNames), name->text);
        if (found == std::end(kNames))
          return unsupported(node, fmt::format("no such aggregate_function: {}", name->text));
        function = static_cast<Function>(found - std::begin(kNames));
      }
      TRY(read_nodes(node, "target", forest));
    } else if (node.op_type == "TreeEnsemble") {
      static constexpr Function kFunctions[] = {Function::kAverage, Function::kSum, Function::kMin,
                                                Function::kMax};
      const std::int64_t number = integer(node, "aggregate_function", 1);
      if (number < 0 || number > 3)
        return broken(node, fmt::format("no such aggregate_function: {}", number));
      function = kFunctions[number];
      TRY(read_splits(node, forest));
    } else {
      return unsupported(node, "no operator of trees");
    }
    if (forest.sums == 1 && forest.link != Link::kProbit) forest.link = Link::kIdentity;
  }
  set_function(function, forest.trees.size(), forest);
  // One value for several outputs belongs to the first, as ONNX Runtime has it.
  if (base.size() > forest.sums) return broken(node, "base_values has a wrong length");
  if (base.size() != forest.sums) base.resize(forest.sums, 0.0);
  forest.base = std::move(base);
  if (features > kFeaturesMax) return unsupported(node, "too many features");
  for (std::size_t f = 0; f < features; ++f) forest.feature_names.push_back(fmt::format("f{}", f));
  Result<Ensemble> ensemble = Ensemble::compile(std::move(forest));
  if (!ensemble) return broken(node, ensemble.error().message);
  trees.ensemble = std::move(ensemble).value();
  return trees;
}

Result<OnnxTrees> read_onnx_trees(std::string_view bytes) {
  const onnx::Model model = TRY(onnx::parse_model(bytes));
  const onnx::Node* found = nullptr;
  for (const onnx::Node& node : model.graph.nodes) {
    if (node.domain == "ai.onnx.ml" && node.op_type.starts_with("TreeEnsemble") &&
        found == nullptr) {
      found = &node;
    } else if (node.op_type != "ZipMap" && node.op_type != "Cast" && node.op_type != "Identity") {
      return base::error(Code::kInvalidArgument, "ONNX: not a tree ensemble alone: operator={}",
                         node.op_type);
    }
  }
  if (found == nullptr) return base::error(Code::kInvalidArgument, "ONNX: no tree ensemble");
  // The features are the second dimension of what goes in.
  const onnx::ValueInfo* input = nullptr;
  for (const onnx::ValueInfo& info : model.graph.inputs) {
    if (!found->inputs.empty() && info.name == found->inputs[0]) input = &info;
  }
  if (input == nullptr || input->kind != onnx::ValueInfo::Kind::kTensor ||
      input->dims.size() != 2 || input->dims[1] < 0)
    return base::error(Code::kInvalidArgument,
                       "ONNX: the trees do not read an input of known width");
  return read_onnx_trees(*found, static_cast<std::size_t>(input->dims[1]),
                         input->element == onnx::ElementType::kDouble);
}

}  // namespace slipway::serving::trees
