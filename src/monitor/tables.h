// The monitor's tables.
#pragma once

#include <vector>

#include "store/db.h"

namespace slipway::monitor {

std::vector<store::Migration> migrations();

}  // namespace slipway::monitor
