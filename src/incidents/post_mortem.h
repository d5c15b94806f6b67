// An incident written down for people to finish: Markdown. A pure function.
#pragma once

#include <string>

#include "incidents/incidents.h"

namespace slipway::incidents {

// What the machine knows is filled in; what only people know has a heading and waits.
std::string post_mortem(const Report& report);

}  // namespace slipway::incidents
