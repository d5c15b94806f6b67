// JSON schemas of what routes answer and take, written as tables; and which route has which. They
// go into the OpenAPI description, from which clients make their types.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/router.h"
#include "base/json.h"

namespace slipway::http {

// A member whose name ends in '?' may be left out.
using Members = std::vector<std::pair<std::string, Json>>;

namespace schema {

Json text();
Json time();  // RFC 3339
Json number();
Json integer();
Json flag();
Json any();
Json word(const std::vector<std::string>& words);  // one of them
Json list(Json of);
Json map(Json of);    // by names that nobody knows before
Json maybe(Json of);  // or null
Json ref(std::string_view name);
Json object(const Members& members);
Json open_object(const Members& members);  // and others that are not described
// Members of one thing and more.
Members plus(Members members, const Members& more);

}  // namespace schema

struct NamedSchema {
  std::string name;
  Json schema;
};

// What a route answers with status 200, and takes; names of schemas, empty: not described.
struct Shape {
  Method method;
  std::string_view pattern;
  std::string_view answer;
  std::string_view body = {};
};

struct Shapes {
  std::vector<NamedSchema> schemas;
  std::vector<Shape> routes;
};

}  // namespace slipway::http
