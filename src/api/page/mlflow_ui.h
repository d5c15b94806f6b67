// MLflow's own web page, served from the build folder of its package (mlflow/server/js/build): for
// teams that want to keep it beside ours, which stays at /ui/.
#pragma once

#include <filesystem>
#include <vector>

#include "api/http/router.h"

namespace slipway::api::page {

// `/` is its index.html, /static-files/ its files: those that are there now. kInvalidArgument: the
// folder has no index.html.
Result<std::vector<http::Route>> mlflow_ui_routes(const std::filesystem::path& folder);

}  // namespace slipway::api::page
