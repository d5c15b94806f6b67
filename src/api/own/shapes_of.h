// The parts of shapes.h's tables, by what they are about.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "api/http/schema.h"

namespace slipway::api::own {

// Schemas by name, and the routes that have them.
struct ShapesOf {
  std::vector<http::NamedSchema> (*schemas)();
  std::span<const http::Shape> routes;
};

ShapesOf shapes_of_data();  // datasets, features, comparisons, lineage
ShapesOf shapes_of_endpoints();
ShapesOf shapes_of_monitors();
ShapesOf shapes_of_pipelines();
ShapesOf shapes_of_runs();

// An answer that is a list under one name.
inline Json listed(const std::string& name, std::string_view of) {
  return http::schema::object({{name, http::schema::list(http::schema::ref(of))}});
}

// JSON has no number for NaN and the infinities.
inline Json real() { return http::schema::maybe(http::schema::number()); }

}  // namespace slipway::api::own
