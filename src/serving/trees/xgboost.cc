// XGBoost's JSON and UBJSON.
#include <bit>
#include <charconv>
#include <cmath>

#include "base/json.h"
#include "serving/trees/ensemble.h"
#include "serving/trees/ubjson.h"

namespace slipway::serving::trees {
namespace {

Error not_a_model(std::string_view what) {
  return base::error(Code::kCorruption, "not an XGBoost model: {}", what);
}

Result<const JsonObject*> member_object(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  if (member == nullptr || !member->is_object())
    return not_a_model(fmt::format("{} is missing", name));
  return &member->get_object();
}

Result<const JsonArray*> member_array(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  if (member == nullptr || !member->is_array())
    return not_a_model(fmt::format("{} is missing", name));
  return &member->get_array();
}

// Texts such as "12" and "[4.5E-1,1E0]": XGBoost writes its parameters so.
Result<std::vector<float>> read_floats(std::string_view text) {
  std::vector<float> values;
  while (true) {
    const std::size_t start = text.find_first_not_of("[], ");
    if (start == std::string_view::npos) return values;
    text.remove_prefix(start);
    float value = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (ec != std::errc())
      return not_a_model(fmt::format("a parameter is no number: {}", text.substr(0, 40)));
    values.push_back(value);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
}

Result<std::string_view> member_text(const JsonObject& object, std::string_view name) {
  const Json* member = object.if_contains(name);
  if (member == nullptr || !member->is_string())
    return not_a_model(fmt::format("{} is missing", name));
  return std::string_view(member->get_string());
}

Result<std::int64_t> member_count(const JsonObject& object, std::string_view name) {
  const std::string_view text = TRY(member_text(object, name));
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || value < 0 || value > 1'000'000'000)
    return not_a_model(fmt::format("{} is no count", name));
  return value;
}

Result<double> number_at(const JsonArray& array, std::size_t at) {
  if (at >= array.size()) return not_a_model("an array of a tree is too short");
  if (!array[at].is_number() && !array[at].is_bool())
    return not_a_model("an array of a tree holds something else than numbers");
  return array[at].is_bool() ? static_cast<double>(array[at].get_bool())
                             : array[at].to_number<double>();
}

Result<std::int64_t> integer_at(const JsonArray& array, std::size_t at) {
  const double value = TRY(number_at(array, at));
  if (value != std::floor(value) || std::fabs(value) > 4e9)
    return not_a_model("an index of a tree is no whole number");
  return static_cast<std::int64_t>(value);
}

// How an objective's sums become answers, and its base_score the start of the sums.
struct Objective {
  std::string_view name;
  Link link;
  enum class Start { kItself, kLogit, kLog } start;
};

Result<Objective> objective_of(std::string_view name) {
  using Start = Objective::Start;
  static constexpr Objective kObjectives[] = {
      {"binary:logistic", Link::kLogistic, Start::kLogit},
      {"reg:logistic", Link::kLogistic, Start::kLogit},
      {"binary:logitraw", Link::kIdentity, Start::kItself},
      {"binary:hinge", Link::kHinge, Start::kItself},
      {"multi:softprob", Link::kSoftmax, Start::kItself},
      {"multi:softmax", Link::kLargest, Start::kItself},
      {"reg:squarederror", Link::kIdentity, Start::kItself},
      {"reg:linear", Link::kIdentity, Start::kItself},
      {"reg:squaredlogerror", Link::kIdentity, Start::kItself},
      {"reg:absoluteerror", Link::kIdentity, Start::kItself},
      {"reg:pseudohubererror", Link::kIdentity, Start::kItself},
      {"reg:quantileerror", Link::kIdentity, Start::kItself},
      {"reg:expectileerror", Link::kIdentity, Start::kItself},
      {"rank:pairwise", Link::kIdentity, Start::kItself},
      {"rank:ndcg", Link::kIdentity, Start::kItself},
      {"rank:map", Link::kIdentity, Start::kItself},
      {"count:poisson", Link::kExponential, Start::kLog},
      {"reg:gamma", Link::kExponential, Start::kLog},
      {"reg:tweedie", Link::kExponential, Start::kLog},
      {"survival:cox", Link::kExponential, Start::kLog},
      {"survival:aft", Link::kExponential, Start::kLog}};
  for (const Objective& known : kObjectives) {
    if (known.name == name) return known;
  }
  return base::error(Code::kInvalidArgument, "XGBoost objective is not supported: objective={}",
                     name);
}

float start_of(Objective::Start start, float base_score) {
  switch (start) {
    case Objective::Start::kItself:
      return base_score;
    case Objective::Start::kLogit:
      return -std::log(1.0f / base_score - 1.0f);
    case Objective::Start::kLog:
      return std::log(base_score);
  }
  return base_score;
}

Result<void> read_categories(const JsonObject& model, Forest& forest) {
  const Json* cats = model.if_contains("cats");
  if (cats == nullptr || !cats->is_object()) return {};
  const Json* encodings = cats->get_object().if_contains("enc");
  if (encodings == nullptr || !encodings->is_array()) return {};
  const JsonArray& all = encodings->get_array();
  for (std::size_t f = 0; f < all.size() && f < forest.categories.size(); ++f) {
    Categories& names = forest.categories[f];
    if (!all[f].is_object()) return not_a_model("the categories of a feature are no object");
    const JsonObject& encoding = all[f].get_object();
    const JsonArray& values = *TRY(member_array(encoding, "values"));
    const Json* offsets = encoding.if_contains("offsets");
    if (offsets == nullptr || !offsets->is_array()) {  // numbers stand for themselves
      for (const Json& value : values) names.push_back(base::to_text(value));
      continue;
    }
    std::string bytes;
    for (std::size_t i = 0; i < values.size(); ++i)
      bytes.push_back(static_cast<char>(TRY(integer_at(values, i))));
    const JsonArray& ends = offsets->get_array();
    for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
      const std::int64_t from = TRY(integer_at(ends, i)), to = TRY(integer_at(ends, i + 1));
      if (from < 0 || to < from || to > static_cast<std::int64_t>(bytes.size()))
        return not_a_model("the names of categories are damaged");
      names.push_back(
          bytes.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    }
  }
  return {};
}

// By node of `tree`: its set's position in the forest, or -1.
Result<std::vector<std::int64_t>> read_sets(const JsonObject& tree, std::size_t count,
                                            Forest& forest) {
  std::vector<std::int64_t> sets(count, -1);
  const Json* categorical = tree.if_contains("categories_nodes");
  if (categorical == nullptr || !categorical->is_array()) return sets;
  const JsonArray& set_nodes = categorical->get_array();
  const JsonArray& categories = *TRY(member_array(tree, "categories"));
  const JsonArray& segments = *TRY(member_array(tree, "categories_segments"));
  const JsonArray& sizes = *TRY(member_array(tree, "categories_sizes"));
  std::int64_t behind = 0;
  for (std::size_t s = 0; s < set_nodes.size(); ++s) {
    const std::int64_t node = TRY(integer_at(set_nodes, s)), from = TRY(integer_at(segments, s)),
                       size = TRY(integer_at(sizes, s));
    // Segments follow each other, so that no category is read twice.
    if (node < 0 || node >= static_cast<std::int64_t>(count) || from < behind || size < 0 ||
        from + size > static_cast<std::int64_t>(categories.size()))
      return not_a_model("the categories of a split are damaged");
    behind = from + size;
    std::vector<double>& set = forest.sets.emplace_back();
    for (std::int64_t i = from; i < behind; ++i) {
      const std::int64_t category = TRY(integer_at(categories, static_cast<std::size_t>(i)));
      if (category < 0 || category > 1'000'000) return not_a_model("a category out of range");
      set.push_back(static_cast<double>(category));
    }
    sets[static_cast<std::size_t>(node)] = static_cast<std::int64_t>(forest.sets.size()) - 1;
  }
  return sets;
}

// A tree's `size_leaf_vector`; trees of old versions have none.
Result<std::size_t> leaf_size(const JsonObject& tree) {
  const Json* parameters = tree.if_contains("tree_param");
  if (parameters == nullptr || !parameters->is_object() ||
      !parameters->get_object().contains("size_leaf_vector"))
    return std::size_t{1};
  const std::int64_t size = TRY(member_count(parameters->get_object(), "size_leaf_vector"));
  return static_cast<std::size_t>(std::max<std::int64_t>(1, size));
}

Result<Tree> read_tree(const JsonObject& object, float scale, std::uint32_t sum, Forest& forest) {
  const JsonArray& left = *TRY(member_array(object, "left_children"));
  const JsonArray& right = *TRY(member_array(object, "right_children"));
  const JsonArray& conditions = *TRY(member_array(object, "split_conditions"));
  const JsonArray& indices = *TRY(member_array(object, "split_indices"));
  const JsonArray& defaults = *TRY(member_array(object, "default_left"));
  const Json* split_types = object.if_contains("split_type");
  const bool has_types =
      split_types != nullptr && split_types->is_array() && !split_types->get_array().empty();
  const std::size_t count = left.size(), size = TRY(leaf_size(object));
  if (size > 1 && size != forest.sums) return not_a_model("leaves are not as wide as the answer");
  const JsonArray* leaf_weights = nullptr;  // by leaf, whose number is its right child
  const JsonArray* node_weights = nullptr;  // by node, before version 3.2
  if (size > 1) {
    if (object.contains("leaf_weights")) {
      leaf_weights = TRY(member_array(object, "leaf_weights"));
    } else {
      node_weights = TRY(member_array(object, "base_weights"));
    }
  }
  const std::vector<std::int64_t> sets = TRY(read_sets(object, count, forest));
  const Json* covers = object.if_contains("sum_hessian");
  const bool has_covers = covers != nullptr && covers->is_array() && !covers->get_array().empty();
  forest.has_covers = forest.has_covers && has_covers;
  Tree tree;
  tree.nodes.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Node& node = tree.nodes[i];
    if (has_covers) node.cover = TRY(number_at(covers->get_array(), i));
    const std::int64_t l = TRY(integer_at(left, i)), r = TRY(integer_at(right, i));
    const auto condition = static_cast<float>(TRY(number_at(conditions, i)));
    if (l < 0) {
      node.yes = static_cast<std::uint32_t>(tree.weights.size());
      if (size == 1) {
        tree.weights.push_back({.sum = sum, .value = condition * scale});
      } else {
        const JsonArray& weights = leaf_weights != nullptr ? *leaf_weights : *node_weights;
        const std::int64_t at = leaf_weights != nullptr ? r : static_cast<std::int64_t>(i);
        if (at < 0 || at >= static_cast<std::int64_t>(count))
          return not_a_model("a leaf's number is out of place");
        for (std::size_t k = 0; k < size; ++k) {
          const double value = TRY(number_at(weights, static_cast<std::size_t>(at) * size + k));
          tree.weights.push_back(
              {.sum = static_cast<std::uint32_t>(k), .value = static_cast<float>(value) * scale});
        }
      }
      node.no = static_cast<std::uint32_t>(tree.weights.size());
      continue;
    }
    const std::int64_t feature = TRY(integer_at(indices, i));
    const auto end = static_cast<std::int64_t>(count);
    if (l >= end || r < 0 || r >= end) return not_a_model("a node's child is out of place");
    if (feature < 0 || feature >= static_cast<std::int64_t>(forest.feature_names.size()))
      return not_a_model("a split on a feature that isn't there");
    const bool default_left = TRY(number_at(defaults, i)) != 0;
    node.feature = static_cast<std::uint32_t>(feature);
    const bool categorical = has_types && TRY(number_at(split_types->get_array(), i)) != 0;
    if (categorical) {  // categories in the set go right
      if (sets[i] < 0) return not_a_model("a categorical split without categories");
      node.kind = Node::Kind::kMember;
      node.key = Key::kCode;
      node.set = static_cast<std::uint32_t>(sets[i]);
      node.missing_yes = !default_left;
    } else {
      node.kind = Node::Kind::kLess;
      node.threshold = condition;
      node.missing_yes = default_left;
    }
    node.yes = static_cast<std::uint32_t>(categorical ? r : l);
    node.no = static_cast<std::uint32_t>(categorical ? l : r);
  }
  return tree;
}

Result<Forest> read_forest(std::string_view bytes) {
  // Both formats begin with '{'; only JSON goes on with a quote or white space.
  const bool is_json = bytes.size() > 1 && bytes[0] == '{' &&
                       (bytes[1] == '"' || std::isspace(static_cast<unsigned char>(bytes[1])));
  Result<Json> parsed = is_json ? base::parse_json(bytes) : parse_ubjson(bytes);
  if (!parsed) return not_a_model(parsed.error().message);
  if (!parsed->is_object()) return not_a_model("expected an object");
  const JsonObject& learner = *TRY(member_object(parsed->get_object(), "learner"));
  const JsonObject& parameters = *TRY(member_object(learner, "learner_model_param"));
  const JsonObject* booster = TRY(member_object(learner, "gradient_booster"));
  const std::string_view booster_name = TRY(member_text(*booster, "name"));
  std::vector<float> scales;
  if (booster_name == "dart") {
    for (const Json& weight : *TRY(member_array(*booster, "weight_drop"))) {
      if (!weight.is_number()) return not_a_model("weight_drop holds something else than numbers");
      scales.push_back(weight.to_number<float>());
    }
    booster = TRY(member_object(*booster, "gbtree"));
  } else if (booster_name != "gbtree") {
    return base::error(Code::kInvalidArgument, "XGBoost booster is not supported: booster={}",
                       booster_name);
  }
  const JsonObject& model = *TRY(member_object(*booster, "model"));

  Forest forest;
  const Objective objective =
      TRY(objective_of(TRY(member_text(*TRY(member_object(learner, "objective")), "name"))));
  forest.link = objective.link;
  const std::int64_t features = TRY(member_count(parameters, "num_feature"));
  if (features > 1'000'000) return not_a_model("too many features");
  const std::int64_t classes = TRY(member_count(parameters, "num_class"));
  const std::int64_t targets = parameters.contains("num_target")  // since version 2.0
                                   ? TRY(member_count(parameters, "num_target"))
                                   : 1;
  if (classes > 10'000 || targets > 10'000 || (classes > 1 && targets > 1))
    return not_a_model("too many classes");
  forest.sums = static_cast<std::size_t>(std::max<std::int64_t>({1, classes, targets}));
  const JsonArray* names = nullptr;
  if (const Json* member = learner.if_contains("feature_names");
      member != nullptr && member->is_array())
    names = &member->get_array();
  for (std::size_t i = 0; i < static_cast<std::size_t>(features); ++i) {
    const bool named = names != nullptr && i < names->size() && (*names)[i].is_string();
    forest.feature_names.push_back(named ? std::string(std::string_view((*names)[i].get_string()))
                                         : fmt::format("f{}", i));
  }
  forest.categories.resize(forest.feature_names.size());
  TRY(read_categories(model, forest));

  const std::vector<float> base = TRY(read_floats(TRY(member_text(parameters, "base_score"))));
  if (base.size() != 1 && base.size() != forest.sums)
    return not_a_model("base_score has a wrong length");
  for (std::size_t i = 0; i < forest.sums; ++i)
    forest.base.push_back(start_of(objective.start, base[base.size() == 1 ? 0 : i]));

  const JsonArray& trees = *TRY(member_array(model, "trees"));
  const JsonArray& tree_info = *TRY(member_array(model, "tree_info"));
  forest.has_covers = true;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    if (!trees[t].is_object()) return not_a_model("a tree is no object");
    const std::int64_t output = TRY(integer_at(tree_info, t));
    if (output < 0 || output >= static_cast<std::int64_t>(forest.sums))
      return not_a_model("a tree belongs to no class");
    if (!scales.empty() && t >= scales.size()) return not_a_model("weight_drop is too short");
    Result<Tree> tree = read_tree(trees[t].get_object(), scales.empty() ? 1.0f : scales[t],
                                  static_cast<std::uint32_t>(output), forest);
    if (!tree) return std::move(tree).error().with_context(fmt::format("tree {}", t));
    forest.trees.push_back(std::move(tree).value());
  }
  return forest;
}

}  // namespace

Result<Ensemble> Ensemble::from_xgboost(std::string_view bytes) {
  Result<Ensemble> ensemble = compile(TRY(read_forest(bytes)));
  if (!ensemble && ensemble.error().code == Code::kCorruption)
    return not_a_model(ensemble.error().message);
  return ensemble;
}

}  // namespace slipway::serving::trees
