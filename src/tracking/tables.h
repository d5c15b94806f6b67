// The tables of this room.
#pragma once

#include "store/db.h"

namespace slipway::tracking {

store::RoomMigrations migrations();
// What was imported, from where and when (import.h).
store::RoomMigrations import_migrations();

}  // namespace slipway::tracking
