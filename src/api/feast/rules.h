// What Feast's routes need of the user who asks.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::feast {

std::span<const access::Rule> rules();

}  // namespace slipway::api::feast
