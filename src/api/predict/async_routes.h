// SageMaker's InvokeEndpointAsync: /endpoints/NAME/async-invocations.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "invocations/invocations.h"
#include "serving/endpoints.h"

namespace slipway::api::predict {

// Both must outlive the routes.
std::vector<http::Route> async_routes(invocations::Invocations& invocations,
                                      const serving::Endpoints& endpoints);

}  // namespace slipway::api::predict
