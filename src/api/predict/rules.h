// What these routes need of the user who asks; one table.
#pragma once

#include <span>

#include "api/access/rules.h"

namespace slipway::api::predict {

std::span<const access::Rule> rules();

}  // namespace slipway::api::predict
