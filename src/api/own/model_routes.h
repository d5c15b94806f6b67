// Routes for aliases: where they point, how they got there, who may move them.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "registry/registry.h"

namespace slipway::api::own {

// The registry must outlive the routes.
std::vector<http::Route> model_routes(registry::Registry& registry);

}  // namespace slipway::api::own
