// Runs GraphQL operations over JSON objects and the edges between them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::api::graphql {

// What can be asked for. Built once, then read by all threads.
//
// A resolver gives JSON with GraphQL's field names; objects carry their type as "__typename" and
// the executor picks what was selected. What costs something to find out is an edge, which is
// followed only when it is selected.
struct Schema {
  using Root = std::function<Result<Json>(const JsonObject& arguments)>;
  using Edge = std::function<Result<Json>(const JsonObject& parent, const JsonObject& arguments)>;
  std::map<std::string, Root, std::less<>> queries, mutations;
  std::map<std::pair<std::string, std::string>, Edge> edges;  // by type and field
};

// A query beyond any of these is refused before it runs.
struct Limits {
  std::size_t depth_max = 10;
  std::size_t fields_max = 1000;
  std::size_t root_fields_max = 10;
  std::size_t aliases_max = 10;  // beside each other in one object
};

struct Query {
  std::string_view text;
  std::string_view operation;  // its name; may be empty when there is only one
  JsonObject variables;
};

struct Outcome {
  Json data;                        // null when nothing could run
  std::vector<std::string> errors;  // a root field that failed is null, and its error is here
};

// Selections are taken in the order in which they are written. A field that the object lacks is
// null.
Outcome execute(const Schema& schema, const Limits& limits, const Query& query);

}  // namespace slipway::api::graphql
