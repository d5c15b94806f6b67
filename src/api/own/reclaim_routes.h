// Taking deleted things away for good: POST /slipway/v1/gc.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "tracking/reclaim.h"

namespace slipway::api::own {

// `reclaimer` must outlive the routes.
std::vector<http::Route> reclaim_routes(tracking::Reclaimer& reclaimer);

}  // namespace slipway::api::own
