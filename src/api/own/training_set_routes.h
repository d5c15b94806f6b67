// Routes for training sets: made, sent as a file, and how far they are.
#pragma once

#include <filesystem>
#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "base/random.h"
#include "features/training_sets.h"
#include "store/arrow_stream.h"

namespace slipway::api::own {

// Of entity rows that come as an Arrow stream.
struct PostedRowsOptions {
  std::filesystem::path scratch;  // where they are kept while they are needed
  store::ArrowStreamLimits limits;
};

// `sets`, `masking` and `random` must outlive the routes.
std::vector<http::Route> training_set_routes(features::TrainingSets& sets, Masking& masking,
                                             base::Random& random,
                                             const PostedRowsOptions& options);

}  // namespace slipway::api::own
