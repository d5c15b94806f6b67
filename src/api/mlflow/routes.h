// The MLflow REST API: https://mlflow.org/docs/latest/rest-api.html, as mlflow 3.17 speaks it.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/mlflow/services.h"

namespace slipway::api::mlflow {

std::vector<http::Route> routes(Services& services);

// Unknown paths and methods: HTML, as MLflow's server answers them.
http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed);

}  // namespace slipway::api::mlflow
