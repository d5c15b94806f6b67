// The metrics of a run for who looks at it: whole curves, then every point as a server-sent event.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "tracking/metric_feed.h"
#include "tracking/runs.h"

namespace slipway::api::own {

struct StreamOptions {
  // What may wait for a client that reads slowly; one that lets more wait gets the latest values
  // when it has read all.
  std::size_t waiting_bytes_max = 256 << 10;
};

// `runs` and `feed` must outlive the routes.
std::vector<http::Route> stream_routes(tracking::Runs& runs, tracking::MetricFeed& feed,
                                       StreamOptions options);

}  // namespace slipway::api::own
