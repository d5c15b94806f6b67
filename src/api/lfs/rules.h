// What the routes of Git LFS need of the user who asks.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::lfs {

std::span<const access::Rule> rules();

}  // namespace slipway::api::lfs
