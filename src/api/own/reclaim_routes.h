// Taking deleted things away for good: POST /slipway/v1/gc; and Python
// environments that no model uses.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "serving/python/runtime.h"
#include "tracking/reclaim.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> reclaim_routes(tracking::Reclaimer& reclaimer,
                                        serving::python::Runtime& python);

}  // namespace slipway::api::own
