#include "kubeflow/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/json_document.h"

namespace slipway::kubeflow {
namespace {

constexpr std::array<std::pair<std::string_view, ParameterType>, 7> kTypes = {
    {{"STRING", ParameterType::kText},
     {"NUMBER_INTEGER", ParameterType::kInteger},
     {"NUMBER_DOUBLE", ParameterType::kNumber},
     {"BOOLEAN", ParameterType::kBoolean},
     {"LIST", ParameterType::kList},
     {"STRUCT", ParameterType::kStruct},
     {"TASK_FINAL_STATUS", ParameterType::kFinalStatus}}};

std::optional<std::int64_t> find_whole(const Json& value) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_double()) return std::nullopt;
  const double number = value.get_double();
  if (number != std::floor(number) || std::abs(number) >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

bool is_number(const Json& value) {
  return value.is_int64() || value.is_uint64() || value.is_double();
}

}  // namespace

Result<ParameterType> parse_parameter_type(std::string_view name) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const auto& type) { return type.first == name; });
  if (found == kTypes.end())
    return base::error(Code::kInvalidArgument, "no such type of parameters: {}", name);
  return found->second;
}

std::string_view name_of(ParameterType type) {
  return std::find_if(kTypes.begin(), kTypes.end(),
                      [&](const auto& each) { return each.second == type; })
      ->first;
}

Result<Json> as_type(const Json& value, ParameterType type) {
  switch (type) {
    case ParameterType::kText:
      if (value.is_string()) return value;
      break;
    case ParameterType::kInteger:
      if (const auto whole = find_whole(value)) return Json(*whole);
      break;
    case ParameterType::kNumber:
      if (is_number(value)) return value;
      break;
    case ParameterType::kBoolean:
      if (value.is_bool()) return value;
      break;
    case ParameterType::kList:
      if (value.is_array()) return value;
      break;
    case ParameterType::kStruct:
    case ParameterType::kFinalStatus:
      if (value.is_object()) return value;
      break;
  }
  return base::error(Code::kInvalidArgument, "expected a value of type {}: got={}", name_of(type),
                     base::to_text(value));
}

Result<Json> made_type(const Json& value, ParameterType type) {
  if (type == ParameterType::kText && !value.is_string()) return Json(text_of(value));
  if (type == ParameterType::kText || !value.is_string()) return as_type(value, type);
  return value_of_text(std::string_view(value.get_string()), type);
}

std::string text_of(const Json& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  return value.is_double() ? fmt::format("{}", value.get_double()) : base::to_text(value);
}

Result<Json> value_of_text(std::string_view text, ParameterType type) {
  if (type == ParameterType::kText) {
    if (!base::is_utf8(text))
      return base::error(Code::kInvalidArgument, "a text is UTF-8, and this is none");
    return Json(text);
  }
  if (type == ParameterType::kBoolean) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    if (text == "True") return Json(true);
    if (text == "False") return Json(false);
  }
  return as_type(TRY(base::parse_json(text)), type);
}

std::string plan_text(const std::optional<Json>& value, const ParameterSpec& spec) {
  if (spec.is_plain()) return value ? text_of(*value) : "";
  if (value) return spec.type == ParameterType::kText ? base::to_text(*value) : text_of(*value);
  return spec.is_optional ? "null" : "";
}

Result<std::optional<Json>> value_of_plan_text(const std::string& text, const ParameterSpec& spec) {
  if (spec.is_plain()) return std::optional<Json>(Json(text));
  const Json value = TRY(base::parse_json(text));
  if (value.is_null() && spec.is_optional) return std::optional<Json>();
  return std::optional(TRY(as_type(value, spec.type)));
}

}  // namespace slipway::kubeflow
