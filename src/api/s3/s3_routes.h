// The part of S3's protocol, path style, that clients of data and models speak.
#pragma once

#include <vector>

#include "api/http/router.h"
#include "api/s3/services.h"

namespace slipway::api::s3 {

// All routes, and what answers where there is none. What `services` refers to must outlive them.
void add_routes(http::Router& router, const Services& services);

}  // namespace slipway::api::s3
