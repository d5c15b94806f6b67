// What `pipeline` of a step says: another pipeline that it runs, with which parameters. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipelines/command_template.h"
#include "pipelines/condition.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// A parameter's value: a text with parameters and folders of steps in braces, `{now}` too; or what
// an earlier step wrote, "{step/file#member}".
struct NestedParam {
  std::vector<CommandPiece> text;
  std::optional<ConditionOperand> output;  // else `text`

  bool operator==(const NestedParam&) const = default;
};

struct Nested {
  std::string pipeline;
  std::map<std::string, NestedParam> params;

  // The names of parameters and steps that it mentions.
  std::vector<std::string> references() const;
  // `text_of` has the value of a parameter, the folder of a step and `now`.
  Result<std::map<std::string, std::string>> values(
      const std::function<Result<std::string>(const std::string& name)>& text_of,
      const std::function<Result<std::string>(const ConditionOperand&)>& output_of) const;
  bool operator==(const Nested&) const = default;
};

// `name` and `params` are the members of a step. kInvalidArgument with the place.
Result<Nested> read_nested(const types::YamlNode& name,
                           const std::optional<types::YamlNode>& params);

}  // namespace slipway::pipelines
