// Routes that answer with predictions, of every protocol over HTTP. Each has its own error
// envelope.
#pragma once

#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

std::vector<http::Route> predict_routes(const Served& served);

}  // namespace slipway::api::predict
