// The tables of this room.
#pragma once

#include "store/db.h"

namespace slipway::tracking {

store::RoomMigrations migrations();

}  // namespace slipway::tracking
