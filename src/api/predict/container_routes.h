// What a model's container answers: SageMaker's contract (/ping, /invocations), MLflow's scoring
// server (the same, /health and /version) and Vertex AI's (a predict route of the caller's choice).
#pragma once

#include <string>
#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

// Of the one `endpoint`. `health_route` answers like /ping; `predict_route` (empty: none) takes
// instances.
std::vector<http::Route> container_routes(const Served& served, const std::string& endpoint,
                                          const std::string& health_route,
                                          const std::string& predict_route);

}  // namespace slipway::api::predict
