// Routes for pipelines: definitions, runs with their steps, logs, cancelling.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "pipelines/pipelines.h"

namespace slipway::api::own {

// `pipelines` must outlive the routes.
std::vector<http::Route> pipeline_routes(pipelines::Pipelines& pipelines);

}  // namespace slipway::api::own
