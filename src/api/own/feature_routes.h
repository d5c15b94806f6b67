// Routes for features: definitions, online reads, pushed rows, skew.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "features/feature_store.h"
#include "features/skew_meter.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> feature_routes(features::FeatureStore& features,
                                        features::SkewMeter& skew);

}  // namespace slipway::api::own
