// Routes that read what others have told of their jobs, runs and datasets.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "lineage/lineage.h"

namespace slipway::api::own {

// `lineage` must outlive the routes.
std::vector<http::Route> lineage_routes(lineage::Lineage& lineage);

}  // namespace slipway::api::own
