// Routes for what drills have found.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "monitor/drills/drill_log.h"
#include "releases/releases.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> drill_routes(monitor::DrillLog& drills, releases::Releases& releases);

}  // namespace slipway::api::own
