// MLflow's error envelope, and the one table from our codes to its own.
#pragma once

#include "api/http/router.h"
#include "base/error.h"

namespace slipway::api::mlflow {

// {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "..."} with MLflow's HTTP status.
http::Response error_response(const base::Error& error);

}  // namespace slipway::api::mlflow
