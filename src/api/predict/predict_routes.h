// Routes that answer with predictions: the Open Inference Protocol v2 over REST and MLflow's
// scoring protocol. Each has its own error envelope.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "api/http/router.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

// `endpoints` must outlive the routes. `rehearses` says whether callers may bring their own event
// time.
std::vector<http::Route> predict_routes(serving::Endpoints& endpoints, std::string_view version,
                                        std::function<bool()> rehearses);

// No route under /v2: the protocol's envelope.
http::Response no_v2_route(const http::Request& request, const std::vector<http::Method>& allowed);

}  // namespace slipway::api::predict
