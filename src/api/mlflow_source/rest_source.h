// A running MLflow server, over its REST API.
#pragma once

#include "api/mlflow_source/source.h"

namespace slipway::api::mlflow_source {

// `url` may hold name and password. kUnavailable: nobody answers. kInvalidArgument: it is no
// MLflow.
Result<std::unique_ptr<Source>> open_server(std::string url, SourceOptions options);

}  // namespace slipway::api::mlflow_source
