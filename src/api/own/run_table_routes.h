// The runs of an experiment as a table, for who looks at many of them.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "tracking/run_table.h"

namespace slipway::api::own {

// `table` must outlive the routes.
std::vector<http::Route> run_table_routes(tracking::RunTable& table);

}  // namespace slipway::api::own
