// Login as the settings ask for it: the first administrator, and what every route needs.
#pragma once

#include <filesystem>

#include "access/access.h"
#include "api/http/router.h"
#include "api/mlflow/services.h"
#include "api/own/event_stream_routes.h"
#include "app/settings.h"

namespace slipway::app {

// What access/ needs to know of the settings.
access::Options access_options(const Settings& settings);

// Makes the first administrator when there is none: with the password from the settings, or with a
// random one that is written to `admin-password` in the data folder, readable by its owner only.
// kFailedPrecondition: MLflow's well-known default password, on an address that others reach.
Result<void> ensure_administrator(access::Access& access, const Settings& settings,
                                  const std::filesystem::path& data, base::Random& random);

// Gives every route what the tables of its adapter say; a route that no table knows is for
// administrators only, and logged. `mlflow.access` must be set.
void protect_routes(http::Router& router, api::mlflow::Services& mlflow);

// Who may hear of which event. Both must outlive what comes back.
api::own::MayHear audience(access::Access& access, store::Db& db);

}  // namespace slipway::app
