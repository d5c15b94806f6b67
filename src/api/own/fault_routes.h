// Routes that break a server on purpose: of one that lets itself be broken, as drills' copies do.
#pragma once

#include <atomic>
#include <vector>

#include "api/http/router.h"
#include "features/feature_store.h"
#include "serving/breakable_model.h"

namespace slipway::api::own {

struct ServerFaults {
  std::atomic<bool> online_store_gone = false;
  serving::ModelFaults models;
};

// Both must outlive the routes.
std::vector<http::Route> fault_routes(ServerFaults& faults, features::FeatureStore& features);

}  // namespace slipway::api::own
