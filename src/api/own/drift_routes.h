// The drift report over what the server has: versions of datasets, and what monitors watch.
#pragma once

#include <cstdint>
#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "datasets/datasets.h"
#include "monitor/monitor.h"

namespace slipway::api::own {

// One report is made at a time, with at most `rows_max` rows a side. What is given must outlive the
// routes.
std::vector<http::Route> drift_routes(datasets::Datasets& datasets, monitor::Monitor& monitor,
                                      Masking& masking, std::int64_t rows_max);

}  // namespace slipway::api::own
