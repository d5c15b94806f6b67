#include "serving/model.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

Model::Model(trees::Ensemble ensemble) : ensemble_(std::move(ensemble)) {
  for (const trees::Categories& names : ensemble_.categories()) {
    auto& codes = codes_.emplace_back();
    for (std::size_t code = 0; code < names.size(); ++code)
      codes.emplace_back(names[code], static_cast<float>(code));
    std::sort(codes.begin(), codes.end());
  }
  codes_.resize(ensemble_.feature_count());
}

Result<std::shared_ptr<const Model>> Model::from_bytes(std::string_view xgboost) {
  trees::Ensemble ensemble = TRY(trees::Ensemble::from_xgboost(xgboost));
  return std::shared_ptr<const Model>(new Model(std::move(ensemble)));
}

Result<std::shared_ptr<const Model>> Model::load(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::path file = path;
  if (std::filesystem::is_directory(path, ignored)) file = TRY(model_file(path));
  const std::string bytes = TRY(store::read_file(file));
  Result<std::shared_ptr<const Model>> model = from_bytes(bytes);
  if (!model)
    return std::move(model).error().with_context("model file " + file.filename().string());
  return model;
}

Result<float> Model::encode(std::size_t position, std::string_view text) const {
  const auto& codes = codes_[position];
  if (codes.empty()) {
    return base::error(Code::kInvalidArgument, "feature {} must be a number: got=\"{}\"",
                       features()[position], text);
  }
  const auto found =
      std::lower_bound(codes.begin(), codes.end(), text,
                       [](const auto& code, std::string_view name) { return code.first < name; });
  if (found == codes.end() || found->first != text) return std::numeric_limits<float>::quiet_NaN();
  return found->second;
}

}  // namespace slipway::serving
