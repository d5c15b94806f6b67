// Routes for schedules: next due times, what became of them, pausing; backfills.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "pipelines/schedules.h"

namespace slipway::api::own {

// `schedules` must outlive the routes.
std::vector<http::Route> schedule_routes(pipelines::Schedules& schedules);

}  // namespace slipway::api::own
