// The HTTP API of Feast's feature server.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

struct Limits {
  std::uint64_t push_bytes_max = 64ull << 20;
  std::size_t values_max = 1'000'000;  // features times rows of one read
};

// `features` must outlive the routes.
std::vector<http::Route> feast_routes(features::FeatureStore& features, Limits limits);

}  // namespace slipway::api::feast
