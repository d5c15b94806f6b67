// Routes for monitors: definitions, judged windows, alerts.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "monitor/monitor.h"

namespace slipway::api::own {

// `monitor` must outlive the routes.
std::vector<http::Route> monitor_routes(monitor::Monitor& monitor);

}  // namespace slipway::api::own
