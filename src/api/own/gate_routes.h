// Routes for the gate and for moving an alias by its verdict.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "releases/gates.h"

namespace slipway::api::own {

// All must outlive the routes.
std::vector<http::Route> gate_routes(releases::Gates& gates, releases::ModelAliases& aliases);

}  // namespace slipway::api::own
