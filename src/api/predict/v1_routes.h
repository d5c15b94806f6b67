// The v1 protocol of TensorFlow Serving and KServe.
#pragma once

#include <string>
#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

std::vector<http::Route> v1_routes(const Served& served);

// One route that takes instances for `endpoint`, at a path of the caller's choice.
http::Route instances_route(const Served& served, std::string pattern, std::string endpoint);

}  // namespace slipway::api::predict
