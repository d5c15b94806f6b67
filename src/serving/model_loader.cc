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
  std::string xgboost_file;  // empty: not that flavor
  bool has_signature = false;

  bool has(std::string_view flavor) const {
    return std::find(flavors.begin(), flavors.end(), flavor) != flavors.end();
  }
};

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
    const auto data = TRY(member(*xgboost, "data"));
    const std::string file = data ? TRY(data->text()) : "model.ubj";
    if (file.find("..") != std::string::npos || file.starts_with('/')) {
      return base::error(Code::kCorruption, "the model's description leaves its folder: data={}",
                         file);
    }
    description.xgboost_file = file;
  }
  if (const auto signature = TRY(member(root, "signature"))) {
    const auto inputs = TRY(member(*signature, "inputs"));
    description.has_signature = inputs.has_value() && !inputs->is_null();
  }
  return description;
}

Result<std::shared_ptr<const Model>> load_xgboost(const std::filesystem::path& file) {
  const std::string bytes = TRY(store::read_file(file));
  Result<trees::Ensemble> ensemble = trees::Ensemble::from_xgboost(bytes);
  if (!ensemble)
    return std::move(ensemble).error().with_context("model file " + file.filename().string());
  return std::shared_ptr<const Model>(std::make_shared<trees::TreeModel>(std::move(*ensemble)));
}

Result<std::shared_ptr<const Model>> load_in_python(const std::filesystem::path& folder,
                                                    python::Runtime* python) {
  if (python != nullptr) return python->load(folder);
  return base::error(Code::kFailedPrecondition,
                     "the model needs Python: an endpoint runs it, of a server whose python-models "
                     "is not off");
}

}  // namespace

Result<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path,
                                                python::Runtime* python) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return load_xgboost(path);
  if (!std::filesystem::exists(path / "MLmodel", ignored) &&
      std::filesystem::exists(path / "model.py", ignored))
    return load_in_python(path, python);
  const Description description = TRY(read_description(path));
  if (!description.xgboost_file.empty()) return load_xgboost(path / description.xgboost_file);
  if (!description.has("python_function")) {
    return base::error(Code::kInvalidArgument,
                       "no runtime here can run a model with these flavors: flavors={} "
                       "known=xgboost, python_function",
                       fmt::join(description.flavors, ", "));
  }
  if (!description.has_signature) {
    return base::error(Code::kInvalidArgument,
                       "the model has no signature, so what it reads is not known: log it with "
                       "signature=infer_signature(inputs, outputs) or input_example=");
  }
  return load_in_python(path, python);
}

}  // namespace slipway::serving
