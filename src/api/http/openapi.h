// The OpenAPI 3.1 description of the routes of our own API, made from the route table.
#pragma once

#include <string>
#include <string_view>

#include "api/http/router.h"
#include "api/http/schema.h"

namespace slipway::http {

// Routes whose tag is `tag`, with the shapes that are known of them, as JSON text.
std::string openapi(const Router& router, std::string_view tag, std::string_view version,
                    const Shapes& shapes = {});

}  // namespace slipway::http
