#include "pipelines/nested.h"

#include "pipelines/each.h"
#include "pipelines/names.h"

namespace slipway::pipelines {

using types::YamlNode;

namespace {

Result<NestedParam> read_param(const YamlNode& node) {
  NestedParam param;
  if (node.is_null()) return param;
  const std::string text = node.is_list() || node.is_map() ? TRY(as_json(node)) : TRY(node.text());
  if (text.find('\0') != std::string::npos) return node.error("a parameter can't hold a NUL byte");
  auto output = parse_reference(text);
  if (output && output->kind == ConditionOperand::Kind::kOutput) {
    param.output = std::move(*output);
  } else {
    param.text = parse_command(text);
  }
  return param;
}

}  // namespace

std::vector<std::string> Nested::references() const {
  std::vector<std::string> names;
  for (const auto& [name, param] : params) {
    for (std::string& mentioned : pipelines::references(param.text))
      names.push_back(std::move(mentioned));
    if (param.output) names.push_back(param.output->name);
  }
  return names;
}

Result<std::map<std::string, std::string>> Nested::values(
    const std::function<Result<std::string>(const std::string& name)>& text_of,
    const std::function<Result<std::string>(const ConditionOperand&)>& output_of) const {
  std::map<std::string, std::string> values;
  for (const auto& [name, param] : params) {
    if (param.output) {
      values[name] = TRY(output_of(*param.output));
      continue;
    }
    std::map<std::string, std::string> texts;
    for (const std::string& mentioned : pipelines::references(param.text))
      texts[mentioned] = TRY(text_of(mentioned));
    values[name] =
        render_text(param.text, [&](const std::string& mentioned) { return texts.at(mentioned); });
  }
  return values;
}

Result<Nested> read_nested(const YamlNode& name, const std::optional<YamlNode>& params) {
  Nested nested{.pipeline = TRY(name.text()), .params = {}};
  TRY(check_name(nested.pipeline, name, "pipeline"));
  if (!params) return nested;
  for (const auto& [param, value] : TRY(params->entries()))
    nested.params[param] = TRY(read_param(value));
  return nested;
}

}  // namespace slipway::pipelines
