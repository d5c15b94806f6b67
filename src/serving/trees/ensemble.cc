#include "serving/trees/ensemble.h"

#include <bit>
#include <charconv>
#include <cmath>

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

Result<Link> link_of(std::string_view objective) {
  struct Known {
    std::string_view name;
    Link link;
  };
  static constexpr Known kObjectives[] = {{"binary:logistic", Link::kLogistic},
                                          {"reg:logistic", Link::kLogistic},
                                          {"multi:softprob", Link::kSoftmax},
                                          {"reg:squarederror", Link::kIdentity},
                                          {"reg:linear", Link::kIdentity},
                                          {"reg:absoluteerror", Link::kIdentity},
                                          {"reg:pseudohubererror", Link::kIdentity},
                                          {"reg:quantileerror", Link::kIdentity},
                                          {"binary:logitraw", Link::kIdentity},
                                          {"rank:pairwise", Link::kIdentity},
                                          {"rank:ndcg", Link::kIdentity},
                                          {"rank:map", Link::kIdentity},
                                          {"count:poisson", Link::kExponential},
                                          {"reg:gamma", Link::kExponential},
                                          {"reg:tweedie", Link::kExponential}};
  for (const Known& known : kObjectives) {
    if (known.name == objective) return known.link;
  }
  return base::error(Code::kInvalidArgument, "XGBoost objective is not supported: objective={}",
                     objective);
}

// base_score is given as an answer; sums start from its margin.
float margin_of(Link link, float base_score) {
  switch (link) {
    case Link::kLogistic:
      return -std::log(1.0f / base_score - 1.0f);
    case Link::kExponential:
      return std::log(base_score);
    case Link::kIdentity:
    case Link::kSoftmax:
      return base_score;
  }
  return base_score;
}

}  // namespace

Result<Ensemble> Ensemble::from_xgboost(std::string_view bytes) {
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

  Ensemble ensemble;
  ensemble.link_ =
      TRY(link_of(TRY(member_text(*TRY(member_object(learner, "objective")), "name"))));
  const auto features = static_cast<std::size_t>(TRY(member_count(parameters, "num_feature")));
  if (features > kFeatureMask || features > 1'000'000) return not_a_model("too many features");
  ensemble.outputs_ = static_cast<std::size_t>(
      std::max<std::int64_t>(1, TRY(member_count(parameters, "num_class"))));
  if (ensemble.outputs_ > 10'000) return not_a_model("too many classes");
  const JsonArray* names = nullptr;
  if (const Json* member = learner.if_contains("feature_names");
      member != nullptr && member->is_array())
    names = &member->get_array();
  for (std::size_t i = 0; i < features; ++i) {
    const bool named = names != nullptr && i < names->size() && (*names)[i].is_string();
    ensemble.feature_names_.push_back(
        named ? std::string(std::string_view((*names)[i].get_string())) : fmt::format("f{}", i));
  }
  ensemble.categories_.resize(features);
  TRY(ensemble.read_categories(model));

  const std::vector<float> base = TRY(read_floats(TRY(member_text(parameters, "base_score"))));
  if (base.size() != 1 && base.size() != ensemble.outputs_)
    return not_a_model("base_score has a wrong length");
  for (std::size_t i = 0; i < ensemble.outputs_; ++i)
    ensemble.base_margins_.push_back(margin_of(ensemble.link_, base[base.size() == 1 ? 0 : i]));

  const JsonArray& trees = *TRY(member_array(model, "trees"));
  const JsonArray& tree_info = *TRY(member_array(model, "tree_info"));
  for (std::size_t t = 0; t < trees.size(); ++t) {
    if (!trees[t].is_object()) return not_a_model("a tree is no object");
    const std::int64_t output = TRY(integer_at(tree_info, t));
    if (output < 0 || output >= static_cast<std::int64_t>(ensemble.outputs_))
      return not_a_model("a tree belongs to no class");
    if (!scales.empty() && t >= scales.size()) return not_a_model("weight_drop is too short");
    TRY(ensemble.add_tree(trees[t].get_object(), scales.empty() ? 1.0f : scales[t]));
    ensemble.tree_outputs_.push_back(static_cast<std::uint32_t>(output));
  }
  ensemble.make_groups();
  return ensemble;
}

Result<void> Ensemble::read_categories(const JsonObject& model) {
  const Json* cats = model.if_contains("cats");
  if (cats == nullptr || !cats->is_object()) return {};
  const Json* encodings = cats->get_object().if_contains("enc");
  if (encodings == nullptr || !encodings->is_array()) return {};
  const JsonArray& all = encodings->get_array();
  for (std::size_t f = 0; f < all.size() && f < categories_.size(); ++f) {
    if (!all[f].is_object()) return not_a_model("the categories of a feature are no object");
    const JsonObject& encoding = all[f].get_object();
    const JsonArray& values = *TRY(member_array(encoding, "values"));
    const Json* offsets = encoding.if_contains("offsets");
    if (offsets == nullptr || !offsets->is_array()) {  // numbers stand for themselves
      for (const Json& value : values) categories_[f].push_back(base::to_text(value));
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
      categories_[f].push_back(
          bytes.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    }
  }
  return {};
}

Result<void> Ensemble::add_tree(const JsonObject& tree, float scale) {
  const JsonArray& left = *TRY(member_array(tree, "left_children"));
  const JsonArray& right = *TRY(member_array(tree, "right_children"));
  const JsonArray& conditions = *TRY(member_array(tree, "split_conditions"));
  const JsonArray& indices = *TRY(member_array(tree, "split_indices"));
  const JsonArray& defaults = *TRY(member_array(tree, "default_left"));
  const Json* split_types = tree.if_contains("split_type");
  const bool has_types =
      split_types != nullptr && split_types->is_array() && !split_types->get_array().empty();
  const std::size_t count = left.size();
  if (count == 0) return not_a_model("a tree without nodes");
  if (nodes_.size() + count > 500'000'000) return not_a_model("too many nodes");
  const std::vector<std::int32_t> sets = TRY(read_category_sets(tree, count));

  const std::size_t first = nodes_.size();
  roots_.push_back(static_cast<std::uint32_t>(first));
  // Level by level: `order` has the file's number of each node that is placed.
  std::vector<std::size_t> order{0};
  for (std::size_t placed = 0; placed < order.size(); ++placed) {
    const std::size_t i = order[placed];
    Node node;
    const std::int64_t l = TRY(integer_at(left, i)), r = TRY(integer_at(right, i));
    node.threshold = static_cast<float>(TRY(number_at(conditions, i)));
    if (l < 0) {
      node.threshold *= scale;
      node.child = static_cast<std::uint32_t>(first + placed);
    } else {
      // Children come after their parent: so there is no way round in circles.
      const auto last = static_cast<std::int64_t>(count);
      if (l <= static_cast<std::int64_t>(i) || r <= static_cast<std::int64_t>(i) || l >= last ||
          r >= last || order.size() + 2 > count)
        return not_a_model("a node's child is out of place");
      const std::int64_t feature = TRY(integer_at(indices, i));
      if (feature < 0 || feature >= static_cast<std::int64_t>(feature_names_.size()))
        return not_a_model("a split on a feature that isn't there");
      node.feature = static_cast<std::uint32_t>(feature) | kSplit;
      if (TRY(number_at(defaults, i)) != 0) node.feature |= kDefaultLeft;
      if (has_types && TRY(number_at(split_types->get_array(), i)) != 0) {
        if (sets[i] < 0) return not_a_model("a categorical split without categories");
        node.feature |= kCategorical;
        node.threshold = std::bit_cast<float>(sets[i]);
      }
      node.child = static_cast<std::uint32_t>(first + order.size());
      order.push_back(static_cast<std::size_t>(r));
      order.push_back(static_cast<std::size_t>(l));
    }
    nodes_.push_back(node);
  }
  return {};
}

Result<std::vector<std::int32_t>> Ensemble::read_category_sets(const JsonObject& tree,
                                                               std::size_t count) {
  std::vector<std::int32_t> sets(count, -1);
  const Json* categorical = tree.if_contains("categories_nodes");
  if (categorical == nullptr || !categorical->is_array()) return sets;
  const JsonArray& set_nodes = categorical->get_array();
  const JsonArray& categories = *TRY(member_array(tree, "categories"));
  const JsonArray& segments = *TRY(member_array(tree, "categories_segments"));
  const JsonArray& sizes = *TRY(member_array(tree, "categories_sizes"));
  for (std::size_t s = 0; s < set_nodes.size(); ++s) {
    const std::int64_t node = TRY(integer_at(set_nodes, s)), from = TRY(integer_at(segments, s)),
                       size = TRY(integer_at(sizes, s));
    if (node < 0 || node >= static_cast<std::int64_t>(count) || from < 0 || size < 0 ||
        from + size > static_cast<std::int64_t>(categories.size())) {
      return not_a_model("the categories of a split are damaged");
    }
    std::vector<std::uint64_t> bits;
    for (std::int64_t i = from; i < from + size; ++i) {
      const std::int64_t category = TRY(integer_at(categories, static_cast<std::size_t>(i)));
      if (category < 0 || category > 1'000'000) return not_a_model("a category out of range");
      const auto word = static_cast<std::size_t>(category / 64);
      if (bits.size() <= word) bits.resize(word + 1);
      bits[word] |= std::uint64_t{1} << (category % 64);
    }
    sets[static_cast<std::size_t>(node)] = static_cast<std::int32_t>(category_sets_.size());
    category_sets_.push_back(std::move(bits));
  }
  return sets;
}

std::size_t Ensemble::memory_bytes() const {
  std::size_t bytes = nodes_.size() * sizeof(Node) + groups_.size() * sizeof(Group) +
                      roots_.size() * (sizeof(roots_[0]) + sizeof(tree_outputs_[0]));
  for (const auto& set : category_sets_) bytes += set.size() * 8 + sizeof(set);
  for (const Categories& categories : categories_) bytes += categories.size() * 40;
  return bytes;
}

}  // namespace slipway::serving::trees
