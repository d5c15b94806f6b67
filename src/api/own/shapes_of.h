// The parts of shapes.h's tables, by what they are about.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "api/http/schema.h"

namespace slipway::api::own {

using namespace http::schema;  // NOLINT: only tables include this, and read better so
using http::Members;
using http::NamedSchema;
using http::Shape;
using enum http::Method;

// Schemas by name, and the routes that have them.
struct ShapesOf {
  std::vector<NamedSchema> (*schemas)();
  std::span<const Shape> routes;
};

ShapesOf shapes_of_data();  // datasets, features, comparisons, lineage
ShapesOf shapes_of_endpoints();
ShapesOf shapes_of_monitors();
ShapesOf shapes_of_pipelines();
ShapesOf shapes_of_runs();

inline std::vector<NamedSchema> together(
    std::initializer_list<std::vector<NamedSchema> (*)()> parts) {
  std::vector<NamedSchema> all;
  for (const auto part : parts) {
    for (NamedSchema& one : part()) all.push_back(std::move(one));
  }
  return all;
}

// An answer that is a list under one name.
inline Json listed(const std::string& name, std::string_view of) {
  return object({{name, list(ref(of))}});
}

// One of these.
inline Json either(JsonArray shapes) { return JsonObject{{"anyOf", std::move(shapes)}}; }

// JSON has no number for NaN and the infinities.
inline Json real() { return maybe(number()); }

inline Json health_word() { return word({"healthy", "watch", "alert", "unknown"}); }
inline Json phase_word() { return word({"empty", "proposed", "canary", "steady"}); }

// What datasets and endpoints say of a column.
inline Members column_rule() {
  return {{"type?", text()},      {"min?", number()},   {"max?", number()},
          {"in?", list(text())},  {"pattern?", text()}, {"required?", flag()},
          {"tags?", list(text())}};
}

}  // namespace slipway::api::own
