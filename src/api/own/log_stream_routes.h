// What a step of a pipeline writes, as server-sent events.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/own/stream_routes.h"
#include "pipelines/log_feed.h"

namespace slipway::api::own {

// `feed` must outlive the routes.
std::vector<http::Route> log_stream_routes(pipelines::LogFeed& feed, StreamOptions options);

}  // namespace slipway::api::own
