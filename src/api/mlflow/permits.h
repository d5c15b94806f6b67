// What MLflow's routes need of the user who asks: one table (permits.cc), as MLflow's basic-auth
// app has it. Also what follows a request: whoever makes an experiment or a model may manage it,
// permissions go with their model, and searches show what may be read.
#pragma once

#include "api/http/router.h"
#include "api/mlflow/services.h"

namespace slipway::api::mlflow {

// Makes `route` need what its row says; without a row it is for administrators only, and the answer
// is false. `services.access` must be set.
bool apply_permit(Services& services, http::Route& route);

}  // namespace slipway::api::mlflow
