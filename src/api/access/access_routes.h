// Our own routes for login: who am I, and tokens.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "access/access.h"
#include "api/http/router.h"

namespace slipway::api::access {

// `access` and `clock` must outlive the routes. `secret_of_token`: of a token as an access key of
// S3's port, by its id; none: there is no such port.
std::vector<http::Route> access_routes(
    slipway::access::Access& access, const base::Clock& clock,
    std::function<std::string(const std::string& id)> secret_of_token = nullptr);

}  // namespace slipway::api::access
