// The tables of lineage.
#pragma once

#include "store/db.h"

namespace slipway::lineage {

store::RoomMigrations migrations();

}  // namespace slipway::lineage
