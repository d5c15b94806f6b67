#include "kubeflow/fields.h"

#include <cmath>

namespace slipway::kubeflow {

Result<Fields> Fields::of(const Json& value, std::string place) {
  if (!value.is_object())
    return base::error(Code::kInvalidArgument, "{}: expected a mapping", place);
  return Fields(value.get_object(), std::move(place));
}

std::string Fields::place_of(std::string_view key) const {
  return place_.empty() ? std::string(key) : fmt::format("{}.{}", place_, key);
}

const Json* Fields::find(std::string_view key) {
  asked_.insert(std::string(key));
  const Json* const value = object_->if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<const Json*> Fields::get(std::string_view key) {
  const Json* const value = find(key);
  if (value == nullptr) return error("{} is missing", key);
  return value;
}

Result<std::optional<Fields>> Fields::find_object(std::string_view key) {
  const Json* const value = find(key);
  if (value == nullptr) return std::optional<Fields>();
  return std::optional(TRY(Fields::of(*value, place_of(key))));
}

Result<std::string> Fields::text(std::string_view key) {
  const Json* const value = find(key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return error("{} must be text", key);
  return std::string(std::string_view(value->get_string()));
}

Result<bool> Fields::flag(std::string_view key) {
  const Json* const value = find(key);
  if (value == nullptr) return false;
  if (!value->is_bool()) return error("{} must be true or false", key);
  return value->get_bool();
}

Result<std::optional<std::int64_t>> Fields::find_integer(std::string_view key) {
  const Json* const value = find(key);
  if (value == nullptr) return std::optional<std::int64_t>();
  if (value->is_int64()) return std::optional(value->get_int64());
  if (value->is_double() && std::abs(value->get_double()) < 1e15 &&
      value->get_double() == std::floor(value->get_double()))
    return std::optional(static_cast<std::int64_t>(value->get_double()));
  return error("{} must be a whole number", key);
}

Result<std::vector<std::string>> Fields::texts(std::string_view key) {
  std::vector<std::string> texts;
  const Json* const value = find(key);
  if (value == nullptr) return texts;
  if (!value->is_array()) return error("{} must be a list of texts", key);
  for (const Json& item : value->get_array()) {
    if (!item.is_string()) return error("{} must be a list of texts", key);
    texts.emplace_back(std::string_view(item.get_string()));
  }
  return texts;
}

Result<void> Fields::each(
    std::string_view key,
    const std::function<Result<void>(const std::string& name, const Json& value,
                                     const std::string& place)>& visit) {
  const Json* const value = find(key);
  if (value == nullptr) return {};
  if (!value->is_object()) return error("{} must be a mapping", key);
  for (const auto& [name, member] : value->get_object()) {
    const std::string text{std::string_view(name)};
    TRY(visit(text, member, place_of(key) + "." + text));
  }
  return {};
}

Result<void> Fields::finish() const {
  for (const auto& [name, value] : *object_) {
    const std::string_view key = name;
    if (!asked_.contains(key) && !value.is_null())
      return error("{} is nothing that can be run here", key);
  }
  return {};
}

}  // namespace slipway::kubeflow
