// Parameters of Kubeflow's pipelines: their types, and their values as text where ours are text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace slipway::kubeflow {

enum class ParameterType { kText, kInteger, kNumber, kBoolean, kList, kStruct, kFinalStatus };

// As the IR calls it: "NUMBER_INTEGER". kInvalidArgument: no such type.
Result<ParameterType> parse_parameter_type(std::string_view name);
std::string_view name_of(ParameterType type);

// The value as one of its type: 5.0 is the integer 5. kInvalidArgument: it is of another type.
Result<Json> as_type(const Json& value, ParameterType type);

// The same, and what stands for one is made one: text is read as JSON, or JSON becomes text.
Result<Json> made_type(const Json& value, ParameterType type);

// As people and command lines read it: text as it is, 0.5, everything else as JSON.
std::string text_of(const Json& value);

// What an output file says: text as it is, everything else as JSON (True and False, too).
// kInvalidArgument: it is no value of that type.
Result<Json> value_of_text(std::string_view text, ParameterType type);

struct ParameterSpec {
  ParameterType type = ParameterType::kText;
  std::optional<Json> value;  // the default, of its type
  bool is_optional = false;

  // Text stands for itself in our parameters, unless it may be missing: then, as all other values,
  // as JSON, where null is a missing one.
  bool is_plain() const {
    return type == ParameterType::kText && (value.has_value() || !is_optional);
  }
  bool is_required() const { return !value && !is_optional; }
};

std::string plan_text(const std::optional<Json>& value, const ParameterSpec& spec);
// Nothing: it is missing. kInvalidArgument: no value of the type.
Result<std::optional<Json>> value_of_plan_text(const std::string& text, const ParameterSpec& spec);

}  // namespace slipway::kubeflow
