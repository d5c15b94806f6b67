// Routes for training sets: made, sent as a file, and how far they are.
#pragma once

#include <filesystem>
#include <vector>

#include "api/http/router.h"
#include "base/random.h"
#include "features/training_sets.h"

namespace slipway::api::own {

// All must outlive the routes. Entity rows that come as an Arrow stream are kept in `scratch` while
// they are needed.
std::vector<http::Route> training_set_routes(features::TrainingSets& sets, base::Random& random,
                                             const std::filesystem::path& scratch);

}  // namespace slipway::api::own
