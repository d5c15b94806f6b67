// What an endpoint's inputs and predictions looked like over any time.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "monitor/profile/profiles.h"
#include "releases/releases.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> profile_routes(monitor::Profiles& profiles, releases::Releases& releases);

}  // namespace slipway::api::own
