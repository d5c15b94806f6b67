#include "cli/drill/wrong_model.h"

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

// A leaf has no child; what it adds stands where others have their threshold,
// or, when it is one number for each output, among the weights.
Result<void> turn_tree(Json& tree) {
  JsonArray* left = array_in(tree.if_object(), "left_children");
  JsonArray* values = array_in(tree.if_object(), "split_conditions");
  if (left == nullptr || values == nullptr || left->size() != values->size()) return no_trees();
  for (std::size_t node = 0; node < left->size(); ++node) {
    if (!(*left)[node].is_number() || !(*values)[node].is_number()) return no_trees();
    if ((*left)[node].to_number<double>() == -1)
      (*values)[node] = -(*values)[node].to_number<double>();
  }
  for (const char* name : {"base_weights", "leaf_weights"}) {
    JsonArray* weights = array_in(tree.if_object(), name);
    if (weights == nullptr) continue;
    for (Json& weight : *weights) {
      if (weight.is_number()) weight = -weight.to_number<double>();
    }
  }
  return {};
}

Result<std::string> turn_xgboost(Json model) {
  JsonObject* booster = object_in(object_in(model.if_object(), "learner"), "gradient_booster");
  if (JsonObject* inner = object_in(booster, "gbtree")) booster = inner;  // of dart
  JsonArray* trees = array_in(object_in(booster, "model"), "trees");
  if (trees == nullptr || trees->empty()) return no_trees();
  for (Json& tree : *trees) TRY(turn_tree(tree));
  return base::to_text(model);
}

// Its header counts the bytes of each tree for readers that skip; without it
// they read on.
std::string turn_lightgbm(std::string_view text) {
  std::string turned;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.starts_with("tree_sizes=")) continue;
    if (!line.starts_with(kLeafValues)) {
      turned += line;
      continue;
    }
    turned += kLeafValues;
    line.remove_prefix(kLeafValues.size());
    bool begins = true;
    for (const char letter : line) {
      if (begins && letter != '-' && letter != ' ' && letter != '\n') turned += '-';
      if (!begins || letter != '-') turned += letter;
      begins = letter == ' ';
    }
  }
  return turned;
}

}  // namespace

Result<std::string> turn_leaves(std::string_view bytes) {
  if (bytes.starts_with(kLightGbm)) return turn_lightgbm(bytes);
  if (!bytes.starts_with('{')) return no_trees();
  auto model = base::parse_json(bytes);
  if (!model) model = serving::trees::parse_ubjson(bytes);
  return model ? turn_xgboost(std::move(*model)) : no_trees();
}

}  // namespace slipway::cli
