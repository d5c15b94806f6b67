// Routes for features: definitions, training sets, online reads, pushed rows.
#pragma once

#include <filesystem>
#include <vector>

#include "api/http/router.h"
#include "base/random.h"
#include "features/feature_store.h"
#include "features/skew_meter.h"

namespace slipway::api::own {

// All must outlive the routes. Training sets are made in `scratch` before they are sent.
std::vector<http::Route> feature_routes(features::FeatureStore& features, features::SkewMeter& skew,
                                        base::Random& random, const std::filesystem::path& scratch);

}  // namespace slipway::api::own
