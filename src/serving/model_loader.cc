#include "serving/model_loader.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "serving/python/runtime.h"
#include "serving/trees/tree_model.h"
#include "store/file_system.h"
#include "types/yaml_reader.h"

namespace slipway::serving {
namespace {

// MLmodel has many members that are nobody's business here, so this reads only what it needs.
Result<std::optional<types::YamlNode>> member(const types::YamlNode& node, std::string_view key) {
  if (!node.is_map()) return std::optional<types::YamlNode>();
  for (auto& [name, value] : TRY(node.entries())) {
    if (name == key) return std::optional(value);
  }
  return std::optional<types::YamlNode>();
}

// What MLmodel says that matters here.
struct Description {
  std::vector<std::string> flavors;
  std::string trees_file;  // of a flavor whose file our tree engine reads; empty: none
  bool has_signature = false;

  bool has(std::string_view flavor) const {
    return std::find(flavors.begin(), flavors.end(), flavor) != flavors.end();
  }
};

// The file of a flavor, inside the model's folder.
Result<std::string> data_of(const types::YamlNode& flavor, std::string otherwise) {
  const auto data = TRY(member(flavor, "data"));
  const std::string file = data ? TRY(data->text()) : std::move(otherwise);
  if (file.find("..") != std::string::npos || file.starts_with('/')) {
    return base::error(Code::kCorruption, "the model's description leaves its folder: data={}",
                       file);
  }
  return file;
}

Result<Description> read_description(const std::filesystem::path& folder) {
  const std::string text = TRY(store::read_file(folder / "MLmodel"));
  const types::YamlNode root = TRY(types::YamlNode::parse(text));
  const auto flavors = TRY(member(root, "flavors"));
  if (!flavors) {
    return base::error(Code::kCorruption, "the model's description has no flavors: file={}",
                       (folder / "MLmodel").string());
  }
  Description description;
  for (const auto& [name, value] : TRY(flavors->entries())) description.flavors.push_back(name);
  if (const auto xgboost = TRY(member(*flavors, "xgboost"))) {
    description.trees_file = TRY(data_of(*xgboost, "model.ubj"));
  } else if (const auto lightgbm = TRY(member(*flavors, "lightgbm"))) {
    // Its scikit-learn classes are pickled: those are Python's.
    const std::string file = TRY(data_of(*lightgbm, "model.lgb"));
    if (file.ends_with(".lgb")) description.trees_file = file;
  }
  if (const auto signature = TRY(member(root, "signature"))) {
    const auto inputs = TRY(member(*signature, "inputs"));
    description.has_signature = inputs.has_value() && !inputs->is_null();
  }
  return description;
}

Result<std::shared_ptr<const Model>> load_trees(const std::filesystem::path& file) {
  constexpr std::string_view kLightGbm = "tree\n";  // how its text begins
  const std::string bytes = TRY(store::read_file(file));
  Result<trees::Ensemble> ensemble = bytes.starts_with(kLightGbm)
                                         ? trees::Ensemble::from_lightgbm(bytes)
                                         : trees::Ensemble::from_xgboost(bytes);
  if (!ensemble)
    return std::move(ensemble).error().with_context("model file " + file.filename().string());
  return std::shared_ptr<const Model>(std::make_shared<trees::TreeModel>(std::move(*ensemble)));
}

Result<std::shared_ptr<const Model>> load_in_python(const std::filesystem::path& folder,
                                                    python::Runtime* python,
                                                    const PythonSpec& options) {
  if (python != nullptr) return python->load(folder, options);
  return base::error(
      Code::kFailedPrecondition,
      "the model needs Python: name one with --python-models, or ask an endpoint of a server whose "
      "python-models is not off");
}

}  // namespace

Result<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path,
                                                python::Runtime* python,
                                                const PythonSpec& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return load_trees(path);
  if (!std::filesystem::exists(path / "MLmodel", ignored) &&
      std::filesystem::exists(path / "model.py", ignored))
    return load_in_python(path, python, options);
  const Description description = TRY(read_description(path));
  if (!description.trees_file.empty()) return load_trees(path / description.trees_file);
  if (!description.has("python_function")) {
    return base::error(Code::kInvalidArgument,
                       "no runtime here can run a model with these flavors: flavors={} "
                       "known=xgboost, lightgbm, python_function",
                       fmt::join(description.flavors, ", "));
  }
  if (!description.has_signature) {
    return base::error(Code::kInvalidArgument,
                       "the model has no signature, so what it reads is not known: log it with "
                       "signature=infer_signature(inputs, outputs) or input_example=");
  }
  return load_in_python(path, python, options);
}

}  // namespace slipway::serving
