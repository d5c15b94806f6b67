#include "serving/model_loader.h"

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

Result<std::filesystem::path> model_file(const std::filesystem::path& folder) {
  const std::string text = TRY(store::read_file(folder / "MLmodel"));
  const types::YamlNode root = TRY(types::YamlNode::parse(text));
  const auto flavors = TRY(member(root, "flavors"));
  if (!flavors) {
    return base::error(Code::kCorruption, "the model's description has no flavors: file={}",
                       (folder / "MLmodel").string());
  }
  const auto xgboost = TRY(member(*flavors, "xgboost"));
  if (!xgboost) {
    std::string names;
    for (const auto& [name, value] : TRY(flavors->entries()))
      names += (names.empty() ? "" : ", ") + name;
    return base::error(Code::kInvalidArgument,
                       "only models with the xgboost flavor can be served: flavors={}", names);
  }
  const auto data = TRY(member(*xgboost, "data"));
  const std::string file = data ? TRY(data->text()) : "model.ubj";
  if (file.find("..") != std::string::npos || file.starts_with('/')) {
    return base::error(Code::kCorruption, "the model's description leaves its folder: data={}",
                       file);
  }
  return folder / file;
}

}  // namespace

Result<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path file = path;
  if (std::filesystem::is_directory(path, ignored)) file = TRY(model_file(path));
  const std::string bytes = TRY(store::read_file(file));
  Result<trees::Ensemble> ensemble = trees::Ensemble::from_xgboost(bytes);
  if (!ensemble)
    return std::move(ensemble).error().with_context("model file " + file.filename().string());
  return std::shared_ptr<const Model>(std::make_shared<trees::TreeModel>(std::move(*ensemble)));
}

}  // namespace slipway::serving
