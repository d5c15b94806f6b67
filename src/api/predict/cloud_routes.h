// The prediction APIs of two clouds: Vertex AI's endpoints and Azure ML's online endpoints.
// SageMaker's is in scoring_routes.h.
#pragma once

#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

std::vector<http::Route> cloud_routes(const Served& served);

}  // namespace slipway::api::predict
