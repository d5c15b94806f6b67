// MLflow's scoring protocol and SageMaker's runtime, which share a path:
// /endpoints/NAME/invocations.
#pragma once

#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

std::vector<http::Route> scoring_routes(const Served& served);

// A handler of the container's side of both: of /invocations for `endpoint`.
http::Route invocations_route(const Served& served, std::string pattern, std::string endpoint);

}  // namespace slipway::api::predict
