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

// In words that fit REST and gRPC.
inline constexpr std::string_view kNoLoadParameters =
    "an endpoint is not loaded with other settings or files: deploy a version to it";
inline constexpr std::string_view kUnloaded = "unloaded by a client";
// Why an endpoint that is not in memory is ready all the same.
inline constexpr std::string_view kAsleep = "not in memory: the next request loads it";

}  // namespace slipway::api::predict
