// Errors as Kubeflow Pipelines' server tells them.
#pragma once

#include "api/http/router.h"

namespace slipway::api::kubeflow {

// {"error", "code" (gRPC's number), "message", "details": [google.rpc.Status]}
http::Response error_reply(const Error& error);
// What answers where there is no route.
http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed);

}  // namespace slipway::api::kubeflow
