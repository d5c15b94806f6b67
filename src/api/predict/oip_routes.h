// The Open Inference Protocol v2 over REST, with the extensions that Triton's clients use: binary
// tensors, repository, statistics.
#pragma once

#include <vector>

#include "api/predict/call.h"

namespace slipway::api::predict {

inline constexpr std::string_view kExtensions[] = {"binary_tensor_data", "model_repository",
                                                   "statistics"};

std::vector<http::Route> oip_routes(const Served& served);

// No route under /v2: the protocol's envelope.
http::Response no_v2_route(const http::Request& request, const std::vector<http::Method>& allowed);

// In words that fit REST and gRPC: the answer to unloading an endpoint that is there.
inline constexpr std::string_view kNoLoadParameters =
    "an endpoint is not loaded with other settings or files: deploy a version to it";
inline constexpr std::string_view kNoUnload =
    "endpoints are not unloaded here: a release decides what answers, `slipway endpoints` shows it";

}  // namespace slipway::api::predict
