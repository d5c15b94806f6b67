#include "dvc/dvc_file.h"

#include <algorithm>
#include <map>
#include <set>

#include "dvc/schema.h"
#include "dvc/template.h"
#include "types/yaml_json.h"
#include "types/yaml_reader.h"

namespace slipway::dvc {
namespace {

std::string text(std::string_view view) { return std::string(view); }

// Errors with what they are about.
template <typename T>
Result<T> in(const std::string& part, Result<T> result) {
  if (result) return result;
  return base::error(result.error().code, "{}: {}", part, result.error().message);
}

std::string joined(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.starts_with('/')) return path;
  return folder + "/" + path;
}

Result<JsonObject> selected(const JsonObject& values, std::string_view keys,
                            const std::string& item) {
  JsonObject out;
  for (std::size_t at = 0; at <= keys.size();) {
    const std::size_t end = std::min(keys.find(',', at), keys.size());
    const std::string_view key = keys.substr(at, end - at);
    at = end + 1;
    if (key.empty()) continue;
    const Json* const value = values.if_contains(key);
    if (value == nullptr)
      return base::error(Code::kInvalidArgument, "{}: no such value: {}", item, key);
    out[key] = *value;
  }
  return out;
}

class Reader {
 public:
  Reader(const ReadFile& read_file, std::map<std::string, std::string> lines)
      : read_file_(read_file), lines_(std::move(lines)) {}

  Result<std::vector<Stage>> read(const JsonObject& file) {
    if (auto defaults = read_file_(text(kParamsFile))) {
      values_ = TRY(read_values(text(kParamsFile), *defaults));
      loaded_.insert(text(kParamsFile));
    }
    if (const Json* const vars = file.if_contains("vars"))
      TRY(in("dvc.yaml: vars", add_vars(*vars, "", values_, loaded_)));
    const Json* const stages = file.if_contains("stages");
    if (stages == nullptr || !stages->is_object()) return std::move(stages_);
    for (const auto& [name, stage] : stages->get_object())
      TRY(in(place_of(text(name)), add(text(name), stage.get_object())));
    return std::move(stages_);
  }

 private:
  Result<void> add(const std::string& name, const JsonObject& body) {
    if (const Json* const items = body.if_contains("foreach"))
      return add_each(name, *items, body.at("do").get_object());
    if (const Json* const axes = body.if_contains("matrix")) {
      JsonObject stage = body;
      stage.erase("matrix");
      return add_matrix(name, *axes, stage);
    }
    return add_stage(name, body, values_);
  }

  Result<void> add_each(const std::string& name, const Json& items, const JsonObject& body) {
    const Json list = TRY(resolve(items, values_));
    if (list.is_object()) {
      for (const auto& [key, item] : list.get_object()) {
        JsonObject values = values_;
        values["item"] = item;
        values["key"] = key;
        TRY(add_stage(name + "@" + text(key), body, values));
      }
      return {};
    }
    if (!list.is_array())
      return base::error(Code::kInvalidArgument, "foreach: expected a list or a map");
    const JsonArray& array = list.get_array();
    const bool composite = std::any_of(array.begin(), array.end(), [](const Json& item) {
      return item.is_array() || item.is_object();
    });
    std::set<std::string> known;
    for (std::size_t i = 0; i < array.size(); ++i) {
      const std::string key = composite ? std::to_string(i) : TRY(text_of(array[i]));
      if (!known.insert(key).second) continue;
      JsonObject values = values_;
      values["item"] = array[i];
      TRY(add_stage(name + "@" + key, body, values));
    }
    return {};
  }

  Result<void> add_matrix(const std::string& name, const Json& written, const JsonObject& body) {
    const Json axes = TRY(resolve(written, values_));
    std::vector<std::pair<std::string, JsonObject>> combinations{{"", JsonObject()}};
    for (const auto& [axis, choices] : axes.get_object()) {
      if (!choices.is_array())
        return base::error(Code::kInvalidArgument, "matrix.{}: expected a list", text(axis));
      std::vector<std::pair<std::string, JsonObject>> next;
      for (const auto& [key, values] : combinations) {
        for (std::size_t i = 0; i < choices.get_array().size(); ++i) {
          const Json& choice = choices.get_array()[i];
          const std::string part = choice.is_array() || choice.is_object()
                                       ? text(axis) + std::to_string(i)
                                       : TRY(text_of(choice));
          next.emplace_back(key.empty() && values.empty() ? part : key + "-" + part, values);
          next.back().second[axis] = choice;
        }
        if (next.size() > kStagesMax) return too_many();
      }
      combinations = std::move(next);
    }
    for (const auto& [key, item] : combinations) {
      JsonObject values = values_;
      values["item"] = item;
      values["key"] = key;
      TRY(add_stage(name + "@" + key, body, values));
    }
    return {};
  }

  static Error too_many() {
    return base::error(Code::kResourceExhausted, "too many stages: at_most={}", kStagesMax);
  }

  Result<void> add_vars(const Json& vars, const std::string& wdir, JsonObject& values,
                        std::set<std::string>& loaded) {
    for (const Json& item : vars.get_array()) {
      if (has_reference(item))
        return base::error(Code::kInvalidArgument, "vars can't have ${{...}} themselves");
      if (item.is_object()) {
        TRY(merge_values(values, item.get_object()));
        continue;
      }
      if (!item.is_string())
        return base::error(Code::kInvalidArgument, "vars: expected files and maps");
      const std::string entry = text(item.get_string());
      const std::size_t colon = entry.find(':');
      const std::string path = joined(wdir, entry.substr(0, colon));
      if (colon == std::string::npos && !loaded.insert(path).second) continue;
      JsonObject more = TRY(read_values(path, TRY(read_file_(path))));
      if (colon != std::string::npos && colon + 1 < entry.size())
        more = TRY(selected(more, std::string_view(entry).substr(colon + 1), entry));
      TRY(merge_values(values, more));
    }
    return {};
  }

  Result<void> add_stage(const std::string& name, const JsonObject& written,
                         const JsonObject& outer) {
    if (stages_.size() >= kStagesMax) return too_many();
    JsonObject values = outer;
    Stage stage;
    stage.name = name;
    if (const Json* const wdir = written.if_contains("wdir"))
      stage.wdir = TRY(text_of(TRY(resolve(*wdir, values))));
    if (stage.wdir == ".") stage.wdir.clear();
    if (const Json* const vars = written.if_contains("vars"); vars != nullptr) {
      std::set<std::string> loaded = loaded_;
      TRY(add_vars(*vars, stage.wdir, values, loaded));
    }
    JsonObject body;
    for (const auto& [key, value] : written) {
      if (key == "vars" || key == "wdir") continue;
      body[key] = TRY(in(text(key), resolve(value, values, key == "cmd")));
    }
    TRY(fill(stage, body));
    stages_.push_back(std::move(stage));
    return {};
  }

  static Result<void> fill(Stage& stage, const JsonObject& body) {
    stage.cmd = body.at("cmd");
    if (!stage.cmd.is_array()) stage.cmd = Json(TRY(text_of(stage.cmd)));
    if (const Json* const flag = body.if_contains("frozen"))
      stage.frozen = flag->is_bool() && flag->get_bool();
    if (const Json* const flag = body.if_contains("always_changed"))
      stage.always_changed = flag->is_bool() && flag->get_bool();
    if (const Json* const deps = body.if_contains("deps")) {
      for (const Json& dep : deps->get_array()) stage.deps.push_back(TRY(text_of(dep)));
    }
    if (const Json* const params = body.if_contains("params"))
      TRY(add_params(stage, params->get_array()));
    for (const auto& [key, outs] : body) {
      if (key != "outs" && key != "metrics" && key != "plots") continue;
      for (const Json& out : outs.get_array()) TRY(add_out(stage, out));
    }
    return check_paths(stage);
  }

  static Result<void> check_paths(const Stage& stage) {
    if (stage.name.find_first_of("{}") != std::string::npos)
      return base::error(Code::kInvalidArgument, "a stage can't have braces in its name here: {}",
                         stage.name);
    if (stage.wdir.starts_with('/'))
      return base::error(Code::kInvalidArgument, "wdir has to be below the project: {}",
                         stage.wdir);
    for (const Output& out : stage.outs) {
      if (out.path.starts_with('/') || out.path.find("://") != std::string::npos)
        return base::error(Code::kInvalidArgument, "an output has to be below the project: {}",
                           out.path);
    }
    for (const std::string& dep : stage.deps) {
      if (dep.find("://") != std::string::npos)
        return base::error(Code::kInvalidArgument,
                           "{} is elsewhere; fetch it in a stage of its own", dep);
    }
    return {};
  }

  static Result<void> add_out(Stage& stage, const Json& written) {
    if (!written.is_object()) {
      stage.outs.push_back({.path = TRY(text_of(written))});
      return {};
    }
    for (const auto& [path, flags] : written.get_object()) {
      Output out{.path = text(path)};
      if (flags.is_object()) {
        const auto is = [&](std::string_view flag, bool otherwise) {
          const Json* const value = flags.get_object().if_contains(flag);
          return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
        };
        out.cache = is("cache", true);
        out.persist = is("persist", false);
      }
      stage.outs.push_back(std::move(out));
    }
    return {};
  }

  static Result<void> add_params(Stage& stage, const JsonArray& written) {
    const auto file = [&](const std::string& path) -> ParamsFile& {
      for (ParamsFile& known : stage.params)
        if (known.path == path) return known;
      return stage.params.emplace_back(ParamsFile{.path = path, .keys = {}});
    };
    std::set<std::string> whole;
    for (const Json& param : written) {
      if (!param.is_object()) continue;
      for (const auto& [path, keys] : param.get_object())
        if (!keys.is_array() || keys.get_array().empty()) whole.insert(text(path));
    }
    for (const Json& param : written) {
      if (!param.is_object()) {
        const std::string key = TRY(text_of(param));
        if (!whole.contains(text(kParamsFile))) file(text(kParamsFile)).keys.push_back(key);
        continue;
      }
      for (const auto& [path, keys] : param.get_object()) {
        ParamsFile& known = file(text(path));
        if (whole.contains(text(path))) continue;
        for (const Json& key : keys.get_array()) known.keys.push_back(TRY(text_of(key)));
      }
    }
    return {};
  }

  std::string place_of(const std::string& stage) const {
    const auto line = lines_.find(stage);
    return "dvc.yaml: " + (line == lines_.end() ? "" : line->second + ": ") + "stages." + stage;
  }

  const ReadFile& read_file_;
  const std::map<std::string, std::string> lines_;  // where stages are
  JsonObject values_;
  std::set<std::string> loaded_;
  std::vector<Stage> stages_;
};

bool has_merge_key(const Json& value) {
  if (value.is_array()) {
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_merge_key);
  }
  if (!value.is_object()) return false;
  return std::any_of(value.get_object().begin(), value.get_object().end(), [](const auto& member) {
    return member.key() == "<<" || has_merge_key(member.value());
  });
}

Result<std::map<std::string, std::string>> lines_of_stages(std::string_view dvc_yaml) {
  std::map<std::string, std::string> lines;
  const types::YamlNode root = TRY(types::YamlNode::parse(dvc_yaml));
  if (!root.is_map()) return lines;
  for (const auto& [key, part] : TRY(root.entries())) {
    if (key != "stages") continue;
    for (const auto& [name, stage] : TRY(part.entries())) lines[name] = stage.place();
  }
  return lines;
}

}  // namespace

Result<JsonObject> read_values(const std::string& path, std::string_view text) {
  for (const std::string_view end : {".py", ".toml"}) {
    if (path.ends_with(end))
      return base::error(Code::kInvalidArgument,
                         "{}: values can't be read from this; write them as YAML or JSON", path);
  }
  auto documents = types::yaml_as_json(text, {.python_numbers = true});
  if (!documents)
    return base::error(documents.error().code, "{}: {}", path, documents.error().message);
  if (documents->empty()) return JsonObject();
  if (documents->size() > 1 || !documents->front().is_object())
    return base::error(Code::kInvalidArgument, "{}: expected one map of values", path);
  if (has_merge_key(documents->front()))
    return base::error(Code::kInvalidArgument,
                       "{}: merge keys (<<) can't be read here; write their values out", path);
  return std::move(documents->front().get_object());
}

Result<std::vector<Stage>> read_stages(std::string_view dvc_yaml, const ReadFile& read_file) {
  TRY(check_schema(dvc_yaml));
  const JsonObject file = TRY(read_values(text(kDvcFile), dvc_yaml));
  return Reader(read_file, TRY(lines_of_stages(dvc_yaml))).read(file);
}

}  // namespace slipway::dvc
