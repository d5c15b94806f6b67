#include "tracking/input_tags.h"

#include "base/json.h"

namespace slipway::tracking {

std::string input_tags_text(const std::vector<KeyValue>& tags) {
  JsonArray array;
  for (const KeyValue& tag : tags) array.push_back({{"key", tag.key}, {"value", tag.value}});
  return base::to_text(Json(std::move(array)));
}

std::vector<KeyValue> parse_input_tags(std::string_view text) {
  std::vector<KeyValue> tags;
  const Json array = MUST(base::parse_json(text));
  for (const Json& tag : array.as_array()) {
    tags.push_back({std::string(std::string_view(tag.at("key").as_string())),
                    std::string(std::string_view(tag.at("value").as_string()))});
  }
  return tags;
}

}  // namespace slipway::tracking
