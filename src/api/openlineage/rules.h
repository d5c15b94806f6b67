// What the routes of OpenLineage need of the user who asks.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::openlineage {

std::span<const access::Rule> rules();

}  // namespace slipway::api::openlineage
