// MLflow's scoring protocol.
#pragma once

#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

std::vector<http::Route> scoring_routes(const Served& served);

}  // namespace slipway::api::predict
