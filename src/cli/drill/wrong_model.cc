#include "cli/drill/wrong_model.h"

#include <charconv>

#include "base/json.h"
#include "serving/trees/ubjson.h"

namespace slipway::cli {
namespace {

constexpr std::string_view kLightGbm = "tree\n";  // how its text begins
constexpr std::string_view kLeafValues = "leaf_value=";

Error no_trees() {
  return base::error(Code::kFailedPrecondition, "no trees of XGBoost or LightGBM");
}

// Null: there is none.
JsonObject* object_in(JsonObject* object, std::string_view member) {
  Json* found = object == nullptr ? nullptr : object->if_contains(member);
  return found == nullptr ? nullptr : found->if_object();
}
JsonArray* array_in(JsonObject* object, std::string_view member) {
  Json* found = object == nullptr ? nullptr : object->if_contains(member);
  return found == nullptr ? nullptr : found->if_array();
}

// What a leaf of one of the trees adds instead.
using Leaf = double (*)(double value, std::size_t tree);

// A leaf has no child; what it adds stands where others have their threshold,
// or, when it is one number for each output, among the weights.
Result<void> change_tree(Json& tree, std::size_t number, Leaf leaf) {
  JsonArray* left = array_in(tree.if_object(), "left_children");
  JsonArray* values = array_in(tree.if_object(), "split_conditions");
  if (left == nullptr || values == nullptr || left->size() != values->size()) return no_trees();
  for (std::size_t node = 0; node < left->size(); ++node) {
    if (!(*left)[node].is_number() || !(*values)[node].is_number()) return no_trees();
    if ((*left)[node].to_number<double>() == -1)
      (*values)[node] = leaf((*values)[node].to_number<double>(), number);
  }
  for (const char* name : {"base_weights", "leaf_weights"}) {
    JsonArray* weights = array_in(tree.if_object(), name);
    if (weights == nullptr) continue;
    for (Json& weight : *weights) {
      if (weight.is_number()) weight = leaf(weight.to_number<double>(), number);
    }
  }
  return {};
}

Result<std::string> change_xgboost(Json model, Leaf leaf) {
  JsonObject* booster = object_in(object_in(model.if_object(), "learner"), "gradient_booster");
  if (JsonObject* inner = object_in(booster, "gbtree")) booster = inner;  // of dart
  JsonArray* trees = array_in(object_in(booster, "model"), "trees");
  if (trees == nullptr || trees->empty()) return no_trees();
  for (std::size_t i = 0; i < trees->size(); ++i) TRY(change_tree((*trees)[i], i, leaf));
  return base::to_text(model);
}

// Its header counts the bytes of each tree for readers that skip; without it
// they read on.
Result<std::string> change_lightgbm(std::string_view text, Leaf leaf) {
  std::string changed;
  for (std::size_t tree = 0; !text.empty();) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.starts_with("tree_sizes=")) continue;
    if (!line.starts_with(kLeafValues)) {
      changed += line;
      continue;
    }
    changed += kLeafValues;
    line.remove_prefix(kLeafValues.size());
    const char* at = line.data();
    const char* const line_end = line.data() + line.size();
    while (at != line_end && *at != '\n') {
      double value = 0;
      const auto [rest, failed] = std::from_chars(at, line_end, value);
      if (failed != std::errc()) return no_trees();
      changed += fmt::format("{}", leaf(value, tree));
      for (at = rest; at != line_end && *at == ' '; ++at) changed += ' ';
    }
    changed.append(at, line_end);
    ++tree;
  }
  return changed;
}

Result<std::string> change_leaves(std::string_view bytes, Leaf leaf) {
  if (bytes.starts_with(kLightGbm)) return change_lightgbm(bytes, leaf);
  if (!bytes.starts_with('{')) return no_trees();
  auto model = base::parse_json(bytes);
  if (!model) model = serving::trees::parse_ubjson(bytes);
  return model ? change_xgboost(std::move(*model), leaf) : no_trees();
}

}  // namespace

Result<std::string> turn_leaves(std::string_view bytes) {
  return change_leaves(bytes, [](double value, std::size_t) { return -value; });
}

Result<std::string> move_bar(std::string_view bytes) {
  return change_leaves(
      bytes, [](double value, std::size_t tree) { return tree == 0 ? value - kBarMoved : value; });
}

}  // namespace slipway::cli
