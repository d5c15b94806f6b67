#include "objects/properties.h"

#include "base/json.h"

namespace slipway::objects {

std::string to_text(const Properties& properties) {
  JsonObject json;
  for (const auto& [name, value] : properties) json[name] = value;
  return base::to_text(json);
}

Result<Properties> parse_properties(std::string_view text) {
  const Result<JsonObject> json = base::parse_json_object(text);
  if (!json)
    return base::error(Code::kCorruption, "an object's row has no properties: {}",
                       json.error().message);
  Properties properties;
  for (const auto& [name, value] : *json) {
    if (value.is_string()) properties[std::string(name)] = std::string(value.get_string());
  }
  return properties;
}

}  // namespace slipway::objects
