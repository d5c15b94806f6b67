// Where alerts go (`routes:` in slipway.yaml).
#pragma once

#include <vector>

#include "api/http/router.h"
#include "webhooks/webhooks.h"

namespace slipway::api::own {

// `webhooks` must outlive the routes.
std::vector<http::Route> route_routes(webhooks::Webhooks& webhooks);

}  // namespace slipway::api::own
