// Live metrics of a run as server-sent events.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "tracking/metric_feed.h"

namespace slipway::api::own {

struct StreamOptions {
  // What may wait for a client that reads slowly; one that lets more wait gets the latest values
  // when it has read all.
  std::size_t waiting_bytes_max = 256 << 10;
};

// `feed` must outlive the routes.
std::vector<http::Route> stream_routes(tracking::MetricFeed& feed, StreamOptions options);

}  // namespace slipway::api::own
