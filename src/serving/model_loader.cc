#include "serving/model_loader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "serving/onnx/load.h"
#include "serving/python/runtime.h"
#include "serving/signature.h"
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
  std::string trees_file;             // of a flavor whose file our tree engine reads; empty: none
  std::string onnx_file;              // of the onnx flavor; empty: none
  std::optional<std::string> inputs;  // of the signature: a JSON list

  bool has_signature() const { return inputs.has_value(); }

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
  } else if (const auto onnx = TRY(member(*flavors, "onnx"))) {
    description.onnx_file = TRY(data_of(*onnx, "model.onnx"));
  }
  if (const auto signature = TRY(member(root, "signature"))) {
    const auto inputs = TRY(member(*signature, "inputs"));
    if (inputs.has_value() && !inputs->is_null()) description.inputs = TRY(inputs->text());
  }
  return description;
}

constexpr std::string_view kLightGbm = "tree\n";  // how its text begins

Result<std::shared_ptr<const Model>> load_trees(const std::filesystem::path& file) {
  const std::string bytes = TRY(store::read_file(file));
  Result<trees::Ensemble> ensemble = bytes.starts_with(kLightGbm)
                                         ? trees::Ensemble::from_lightgbm(bytes)
                                         : trees::Ensemble::from_xgboost(bytes);
  if (!ensemble)
    return std::move(ensemble).error().with_context("model file " + file.filename().string());
  return std::shared_ptr<const Model>(std::make_shared<trees::TreeModel>(std::move(*ensemble)));
}

// ONNX files begin with their version, as protobuf has it; trees with a text or a brace.
bool is_onnx(const std::filesystem::path& file) {
  std::ifstream bytes(file, std::ios::binary);
  return file.extension() == ".onnx" || bytes.get() == 0x08;
}

Result<std::shared_ptr<const Model>> load_onnx_file(const std::filesystem::path& file,
                                                    const std::optional<std::string>& inputs,
                                                    onnx::Runtime* runtime) {
  std::optional<ModelShape> signature;
  if (inputs) {
    const Json list = TRY(base::parse_json(*inputs));
    if (!list.is_array())
      return base::error(Code::kCorruption, "the inputs of the model's signature are no list");
    signature = TRY(read_signature(list.as_array(), {}));
  }
  auto model = onnx::load_onnx(file, signature ? &*signature : nullptr, runtime);
  if (!model)
    return std::move(model).error().with_context("model file " + file.filename().string());
  return model;
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
                                                const Runtimes& runtimes,
                                                const PythonSpec& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored))
    return is_onnx(path) ? load_onnx_file(path, std::nullopt, runtimes.onnx) : load_trees(path);
  if (!std::filesystem::exists(path / "MLmodel", ignored) &&
      std::filesystem::exists(path / "model.py", ignored))
    return load_in_python(path, runtimes.python, options);
  const Description description = TRY(read_description(path));
  if (!description.trees_file.empty()) return load_trees(path / description.trees_file);
  const bool for_python = description.has("python_function") && description.has_signature();
  if (!description.onnx_file.empty()) {
    auto model = load_onnx_file(path / description.onnx_file, description.inputs, runtimes.onnx);
    const bool is_readable = model || model.error().code == Code::kInvalidArgument ||
                             model.error().code == Code::kFailedPrecondition ||
                             model.error().code == Code::kResourceExhausted;
    if (model || !is_readable || !for_python || runtimes.python == nullptr) return model;
  }
  if (!description.has("python_function")) {
    return base::error(Code::kInvalidArgument,
                       "no runtime here can run a model with these flavors: flavors={} "
                       "known=xgboost, lightgbm, onnx, python_function",
                       fmt::join(description.flavors, ", "));
  }
  if (!for_python) {
    return base::error(Code::kInvalidArgument,
                       "the model has no signature, so what it reads is not known: log it with "
                       "signature=infer_signature(inputs, outputs) or input_example=");
  }
  return load_in_python(path, runtimes.python, options);
}

}  // namespace slipway::serving
