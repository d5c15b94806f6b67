// Routes for what keeps alerts quiet, and for people who have seen them.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "monitor/monitor.h"

namespace slipway::api::own {

// `monitor` must outlive the routes.
std::vector<http::Route> silence_routes(monitor::Monitor& monitor);

}  // namespace slipway::api::own
