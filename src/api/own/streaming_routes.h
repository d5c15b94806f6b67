// Streams that have messages scored, and the topics of the embedded log.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "store/local_log.h"
#include "streams/streams.h"

namespace slipway::api::own {

// Both must outlive the routes.
std::vector<http::Route> streaming_routes(streams::Streams& streams, store::LocalLog& topics);

}  // namespace slipway::api::own
