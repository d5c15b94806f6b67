// The page, embedded in the binary: files built from page/, each compressed once at build time.
#pragma once

#include <vector>

#include "api/http/router.h"

namespace slipway::api::page {

// Under /ui/ a file, or for any other path index.html: the page finds its own way.
std::vector<http::Route> page_routes();

// `/` leads to /ui/.
http::Route root_route();

}  // namespace slipway::api::page
