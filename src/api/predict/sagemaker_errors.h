// Errors as AWS' clients of SageMaker's runtime read them.
#pragma once

#include "api/http/router.h"
#include "base/json.h"
#include "base/result.h"

namespace slipway::api::predict {

// Of InvokeEndpoint: what is wrong with a body, the model has said.
http::Response runtime_error(const Error& error);

// Of InvokeEndpointAsync: what is wrong is wrong with the request itself.
http::Response async_error(const Error& error);

// The body of a ModelError.
JsonObject model_error(const Error& error);

}  // namespace slipway::api::predict
