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

}  // namespace

std::string openapi(const Router& router, std::string_view tag, std::string_view version) {
  JsonObject paths;
  for (const Route& route : router.routes()) {
    if (route.tag != tag) continue;
    std::string path = route.pattern;
    if (const std::size_t star = path.find("*}"); star != std::string::npos) path.erase(star, 1);
    JsonObject operation{
        {"summary", route.summary},
        {"parameters", path_parameters(route.pattern)},
        {"responses",
         {{"200", {{"description", "Done."}}},
          {"default",
           {{"description", "The error, with a code and a message."},
            {"content",
             {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}}}}}};
    if (route.method == Method::kPost || route.method == Method::kPut ||
        route.method == Method::kPatch) {
      operation["requestBody"] = {
          {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
    }
    paths[path].is_null() ? paths[path] = JsonObject() : paths[path];
    paths[path].as_object()[base::lowered(method_name(route.method))] = std::move(operation);
  }
  const JsonObject error_schema{
      {"type", "object"},
      {"properties",
       {{"error",
         {{"type", "object"},
          {"properties", {{"code", {{"type", "string"}}}, {"message", {{"type", "string"}}}}}}}}}};
  return base::to_text(JsonObject{{"openapi", "3.1.0"},
                                  {"info", {{"title", "Slipway"}, {"version", version}}},
                                  {"paths", paths},
                                  {"components", {{"schemas", {{"Error", error_schema}}}}}});
}

}  // namespace slipway::http
