// What differs between two texts of slipway.yaml, for people who look before they apply.
#pragma once

#include <string_view>

#include "base/json.h"

namespace slipway::app {

// Adds "differs" to those of `changes` ({"kind", "name", "change": "updated"}) whose part of the
// file is there in both texts and isn't the same: [{"at": "steps.train.retry.times", "before": 2,
// "now": 3}...]. What only one of them has lacks the other member. Things in a list are known by
// their `name`, `id` or `metric`, else by their place. Values of routes, secrets and passwords are
// ***, whether they differ or not. A text that is no YAML adds nothing. Pure.
void add_differences(std::string_view before, std::string_view now, JsonArray& changes);

}  // namespace slipway::app
