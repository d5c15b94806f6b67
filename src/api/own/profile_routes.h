// What an endpoint's inputs and predictions looked like over any time.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "monitor/profile/profiles.h"
#include "releases/releases.h"

namespace slipway::api::own {

// All must outlive the routes.
std::vector<http::Route> profile_routes(monitor::Profiles& profiles, releases::Releases& releases,
                                        Masking& masking);

}  // namespace slipway::api::own
