#include "dvc/schema.h"

#include <algorithm>
#include <span>
#include <string>

#include "types/yaml_reader.h"

namespace slipway::dvc {
namespace {

using types::YamlNode;

constexpr std::string_view kTopKeys[] = {"stages", "vars",     "params",   "metrics",
                                         "plots",  "datasets", "artifacts"};
constexpr std::string_view kStageKeys[] = {"cmd",     "wdir",  "deps",  "params",         "vars",
                                           "frozen",  "meta",  "desc",  "always_changed", "outs",
                                           "metrics", "plots", "matrix"};
constexpr std::string_view kLoopKeys[] = {"foreach", "do"};
constexpr std::string_view kOutKeys[] = {"desc",  "type",    "labels", "meta",
                                         "cache", "persist", "remote", "push"};
constexpr std::string_view kPlotKeys[] = {"desc",    "type",    "labels",  "meta",     "cache",
                                          "persist", "remote",  "push",    "template", "x",
                                          "y",       "x_label", "y_label", "title",    "header"};

Result<void> check_keys(const YamlNode& map, std::span<const std::string_view> known,
                        const std::string& what) {
  for (const auto& [key, value] : TRY(map.entries())) {
    if (key == "<<")
      return value.error("{}: merge keys (<<) can't be read; write the members out", what);
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const std::string_view name : known)
      list += (list.empty() ? "" : ", ") + std::string(name);
    return value.error("{}: no such key: {}; there are: {}", what, key, list);
  }
  return {};
}

Result<void> check_local(const YamlNode& node, const std::string& path) {
  if (path.find("://") == std::string::npos) return {};
  return node.error(
      "{} is elsewhere, and only files here can be what a stage needs or makes; fetch it in a "
      "stage of its own",
      path);
}

Result<void> check_list(const YamlNode& node, const std::string& what) {
  return node.is_list() ? Result<void>() : node.error("{}: expected a list", what);
}

Result<void> check_outs(const YamlNode& node, std::span<const std::string_view> flags,
                        const std::string& what) {
  TRY(check_list(node, what));
  for (const YamlNode& out : TRY(node.list())) {
    if (!out.is_map()) {
      TRY(check_local(out, TRY(out.text())));
      continue;
    }
    for (const auto& [path, value] : TRY(out.entries())) {
      TRY(check_local(value, path));
      if (value.is_list() && flags.size() == std::size(kPlotKeys)) continue;
      if (!value.is_map()) return value.error("{}: expected flags of {}", what, path);
      TRY(check_keys(value, flags, what + " " + path));
      for (const auto& [key, flag] : TRY(value.entries()))
        if (key == "cache" || key == "persist" || key == "push") TRY(flag.boolean());
    }
  }
  return {};
}

Result<void> check_params(const YamlNode& node, const std::string& what) {
  TRY(check_list(node, what));
  for (const YamlNode& param : TRY(node.list())) {
    if (!param.is_map()) {
      TRY(param.text());
      continue;
    }
    for (const auto& [path, keys] : TRY(param.entries())) {
      for (const std::string_view end : {".py", ".toml"}) {
        if (path.ends_with(end))
          return keys.error(
              "{}: parameters in {} can't be read; write them as YAML or JSON, or name the file in "
              "deps",
              what, path);
      }
      if (!keys.is_null()) TRY(check_list(keys, what + " " + path));
    }
  }
  return {};
}

Result<void> check_stage(const YamlNode& stage, const std::string& what) {
  TRY(check_keys(stage, kStageKeys, what));
  bool has_cmd = false;
  for (const auto& [key, value] : TRY(stage.entries())) {
    const std::string place = what + "." + key;
    if (key == "cmd") {
      has_cmd = !value.is_null() && !value.is_map();
    } else if (key == "wdir") {
      TRY(value.text());
    } else if (key == "deps") {
      TRY(check_list(value, place));
      for (const YamlNode& dep : TRY(value.list())) TRY(check_local(dep, TRY(dep.text())));
    } else if (key == "params") {
      TRY(check_params(value, place));
    } else if (key == "outs" || key == "metrics") {
      TRY(check_outs(value, kOutKeys, place));
    } else if (key == "plots") {
      TRY(check_outs(value, kPlotKeys, place));
    } else if (key == "vars") {
      TRY(check_list(value, place));
    } else if (key == "frozen" || key == "always_changed") {
      TRY(value.boolean());
    } else if (key == "matrix" && !value.is_map()) {
      return value.error("{}: expected a map of lists", place);
    }
  }
  return has_cmd ? Result<void>() : stage.error("{}: a stage needs a cmd", what);
}

Result<void> check(std::string_view text) {
  const YamlNode root = TRY(YamlNode::parse(text));
  if (root.is_null()) return {};
  if (!root.is_map()) return root.error("expected a map with stages");
  TRY(check_keys(root, kTopKeys, "dvc.yaml"));
  for (const auto& [key, part] : TRY(root.entries())) {
    if (key == "vars") TRY(check_list(part, key));
    if (key != "stages") continue;
    if (!part.is_map()) return part.error("stages: expected a map");
    for (const auto& [name, stage] : TRY(part.entries())) {
      const std::string what = "stages." + name;
      if (name.find_first_of("@:\\/#$%^&()") != std::string::npos)
        return stage.error("{}: a name has none of @ : \\ / # $ % ^ & ( )", what);
      if (!stage.is_map()) return stage.error("{}: expected a map", what);
      const auto members = TRY(stage.entries());
      const auto body = std::find_if(members.begin(), members.end(),
                                     [](const auto& member) { return member.first == "do"; });
      const bool loops = std::any_of(members.begin(), members.end(),
                                     [](const auto& member) { return member.first == "foreach"; });
      if (!loops && body == members.end()) {
        TRY(check_stage(stage, what));
        continue;
      }
      TRY(check_keys(stage, kLoopKeys, what));
      if (!loops || body == members.end() || !body->second.is_map())
        return stage.error("{}: foreach needs do, and do needs foreach", what);
      TRY(check_stage(body->second, what + ".do"));
    }
  }
  return {};
}

}  // namespace

Result<void> check_schema(std::string_view dvc_yaml) {
  const Result<void> checked = check(dvc_yaml);
  if (checked) return {};
  return base::error(checked.error().code, "dvc.yaml: {}", checked.error().message);
}

}  // namespace slipway::dvc
