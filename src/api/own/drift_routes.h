// The drift report over what the server has: versions of datasets, and what monitors watch.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "datasets/datasets.h"
#include "monitor/monitor.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> drift_routes(datasets::Datasets& datasets, monitor::Monitor& monitor);

}  // namespace slipway::api::own
