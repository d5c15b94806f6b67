// Routes for features: definitions, online reads, pushed rows, skew.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "features/feature_store.h"
#include "features/skew_meter.h"

namespace slipway::api::own {

// All must outlive the routes.
std::vector<http::Route> feature_routes(features::FeatureStore& features, features::SkewMeter& skew,
                                        Masking& masking);

}  // namespace slipway::api::own
