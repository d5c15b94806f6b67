// The monitor's tables.
#pragma once

#include "store/db.h"

namespace slipway::monitor {

store::RoomMigrations migrations();

}  // namespace slipway::monitor
