// Routes for incidents: who works on what, its time line, and what changed before.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "incidents/incidents.h"

namespace slipway::api::own {

// `incidents` must outlive the routes.
std::vector<http::Route> incident_routes(incidents::Incidents& incidents);

}  // namespace slipway::api::own
