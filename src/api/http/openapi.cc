#include "api/http/openapi.h"

#include "base/json.h"
#include "base/text.h"

namespace slipway::http {
namespace {

// "/v1/things/{name}/files/{path*}" -> parameters name, path; OpenAPI writes {path*} as {path}.
JsonArray path_parameters(std::string_view pattern) {
  JsonArray parameters;
  for (std::size_t open = pattern.find('{'); open != std::string_view::npos;
       open = pattern.find('{', open + 1)) {
    std::string_view name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
    if (name.ends_with('*')) name.remove_suffix(1);
    parameters.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  return parameters;
}

const Shape* find_shape(const Shapes& shapes, const Route& route) {
  for (const Shape& shape : shapes.routes) {
    if (shape.method == route.method && shape.pattern == route.pattern) return &shape;
  }
  return nullptr;
}

JsonObject content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

}  // namespace

std::string openapi(const Router& router, std::string_view tag, std::string_view version,
                    const Shapes& shapes) {
  JsonObject paths;
  for (const Route& route : router.routes()) {
    if (route.tag != tag) continue;
    std::string path = route.pattern;
    if (const std::size_t star = path.find("*}"); star != std::string::npos) path.erase(star, 1);
    const Shape* shape = find_shape(shapes, route);
    JsonObject done{{"description", "Done."}};
    if (shape != nullptr) done["content"] = content(schema::ref(shape->answer));
    JsonObject operation{{"summary", route.summary},
                         {"parameters", path_parameters(route.pattern)},
                         {"responses",
                          {{"200", std::move(done)},
                           {"default",
                            {{"description", "The error, with a code and a message."},
                             {"content", content(schema::ref("Error"))}}}}}};
    if (route.method == Method::kPost || route.method == Method::kPut ||
        route.method == Method::kPatch) {
      const bool is_known = shape != nullptr && !shape->body.empty();
      operation["requestBody"] = {
          {"content", content(is_known ? schema::ref(shape->body) : Json{{"type", "object"}})}};
    }
    paths[path].is_null() ? paths[path] = JsonObject() : paths[path];
    paths[path].as_object()[base::lowered(method_name(route.method))] = std::move(operation);
  }
  JsonObject schemas{
      {"Error", schema::object({{"error", schema::object({{"code", schema::text()},
                                                          {"message", schema::text()}})}})}};
  for (const NamedSchema& one : shapes.schemas) schemas[one.name] = one.schema;
  return base::to_text(JsonObject{{"openapi", "3.1.0"},
                                  {"info", {{"title", "Slipway"}, {"version", version}}},
                                  {"paths", paths},
                                  {"components", {{"schemas", std::move(schemas)}}}});
}

}  // namespace slipway::http
