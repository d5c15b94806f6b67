#include "pipelines/json_path.h"

#include <fmt/format.h>

#include <algorithm>

namespace slipway::pipelines {

const Json* find_member(const Json& document, std::string_view path) {
  const Json* found = &document;
  for (std::size_t from = 0; from <= path.size() && found != nullptr;) {
    const std::size_t dot = std::min(path.find('.', from), path.size());
    const JsonObject* const object = found->if_object();
    found = object == nullptr ? nullptr : object->if_contains(path.substr(from, dot - from));
    from = dot + 1;
  }
  return found;
}

std::optional<std::string> scalar_text(const Json& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  if (value.is_double()) return fmt::format("{}", value.get_double());
  if (value.is_number() || value.is_bool()) return base::to_text(value);
  return std::nullopt;
}

}  // namespace slipway::pipelines
