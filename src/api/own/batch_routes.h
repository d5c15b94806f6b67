// Several questions in one request: what a screen shows comes in one round trip.
#pragma once

#include <vector>

#include "api/http/router.h"

namespace slipway::api::own {

// `router` must outlive the routes. Of a batch whose replies have got so long what is left is
// refused.
std::vector<http::Route> batch_routes(const http::Router& router, std::size_t bytes_max);

}  // namespace slipway::api::own
