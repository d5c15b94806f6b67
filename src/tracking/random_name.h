// Names for what nobody has named.
#pragma once

#include <string>

#include "base/random.h"

namespace slipway::tracking {

// An adjective, a noun and a number, as MLflow has them: "keen-gull-421". Not unique.
std::string random_name(base::Random& random);

}  // namespace slipway::tracking
