// What the routes of DVC remotes need of the user who asks.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::dvc {

std::span<const access::Rule> rules();

}  // namespace slipway::api::dvc
