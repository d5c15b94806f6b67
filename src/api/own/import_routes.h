// Routes that `slipway import` writes through; docs/formats/import.md.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "registry/import.h"
#include "tracking/import.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> import_routes(tracking::Import& runs, registry::ModelImport& models);

}  // namespace slipway::api::own
