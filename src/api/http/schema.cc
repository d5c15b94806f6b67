#include "api/http/schema.h"

namespace slipway::http::schema {
namespace {

Json of_type(std::string_view type) { return JsonObject{{"type", type}}; }

}  // namespace

Json text() { return of_type("string"); }
Json time() { return JsonObject{{"type", "string"}, {"format", "date-time"}}; }
Json number() { return of_type("number"); }
Json integer() { return of_type("integer"); }
Json flag() { return of_type("boolean"); }
Json any() { return JsonObject(); }

Json word(const std::vector<std::string>& words) {
  JsonArray all;
  for (const std::string& one : words) all.emplace_back(one);
  return JsonObject{{"type", "string"}, {"enum", std::move(all)}};
}

Json list(Json of) { return JsonObject{{"type", "array"}, {"items", std::move(of)}}; }

Json map(Json of) {
  return JsonObject{{"type", "object"}, {"additionalProperties", std::move(of)}};
}

Json maybe(Json of) { return JsonObject{{"anyOf", JsonArray{std::move(of), of_type("null")}}}; }

Json ref(std::string_view name) {
  return JsonObject{{"$ref", "#/components/schemas/" + std::string(name)}};
}

Json object(const Members& members) {
  JsonObject properties;
  JsonArray required;
  for (const auto& [name, schema] : members) {
    if (name.ends_with('?')) {
      properties[name.substr(0, name.size() - 1)] = schema;
    } else {
      properties[name] = schema;
      required.emplace_back(name);
    }
  }
  return JsonObject{
      {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Json open_object(const Members& members) {
  Json described = object(members);
  described.get_object()["additionalProperties"] = true;
  return described;
}

Members plus(Members members, const Members& more) {
  members.insert(members.end(), more.begin(), more.end());
  return members;
}

}  // namespace slipway::http::schema
