// What Feast's server is given to write, over HTTP or gRPC.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "features/feature_store.h"

namespace slipway::api::feast {

// Adds a frame's rows to a push source, durably. `to`: only "online" is taken. kNotFound: no such
// source; kInvalidArgument as rows_of_source.
Result<void> push_frame(features::FeatureStore& store, const std::string& source,
                        std::string_view to, const JsonObject& frame);

// The same with a frame that has the names of a view. kNotFound: no such view.
Result<void> write_frame(features::FeatureStore& store, const std::string& view,
                         const JsonObject& frame);

}  // namespace slipway::api::feast
