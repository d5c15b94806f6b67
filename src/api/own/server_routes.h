// Routes about the server itself: health, version, metrics, events, the API's own description.
#pragma once

#include <string_view>
#include <vector>

#include "api/http/router.h"
#include "base/metrics.h"
#include "store/db.h"

namespace slipway::api::own {

// `db`, `metrics` and `router` must outlive the routes.
std::vector<http::Route> server_routes(store::Db& db, base::Metrics& metrics,
                                       const http::Router& router, std::string_view version);

}  // namespace slipway::api::own
