// Routes for versions of data: what repositories there are, what their versions hold, and objects
// on their way in and out.
#pragma once

#include <cstdint>
#include <vector>

#include "api/http/router.h"
#include "versions/hub.h"

namespace slipway::api::own {

struct VersionRouteLimits {
  std::uint64_t pack_bytes_max = 0;   // of one request with objects
  std::uint64_t reply_bytes_max = 0;  // of one reply with objects: the rest is asked for again
  std::uint64_t diff_files_max = 0;   // of each version that is compared
};

// `hub` must outlive the routes.
std::vector<http::Route> version_routes(versions::Hub& hub, VersionRouteLimits limits);

}  // namespace slipway::api::own
