// Our own routes for login: who am I, and tokens.
#pragma once

#include <vector>

#include "access/access.h"
#include "api/http/router.h"

namespace slipway::api::access {

// `access` and `clock` must outlive the routes.
std::vector<http::Route> access_routes(slipway::access::Access& access, const base::Clock& clock);

}  // namespace slipway::api::access
