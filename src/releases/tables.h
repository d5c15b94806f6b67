// The release ledger's tables; docs/formats/ledger.md describes them.
#pragma once

#include <vector>

#include "store/db.h"

namespace slipway::releases {

std::vector<store::Migration> migrations();

}  // namespace slipway::releases
