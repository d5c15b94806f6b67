// Streams that have messages scored, and the topics of the embedded log.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/own/governance_routes.h"
#include "store/local_log.h"
#include "streams/streams.h"

namespace slipway::api::own {

// All must outlive the routes.
std::vector<http::Route> streaming_routes(streams::Streams& streams, store::LocalLog& topics,
                                          Masking& masking);

}  // namespace slipway::api::own
