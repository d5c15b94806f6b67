#pragma once

#include "store/db.h"

namespace slipway::traces {

store::RoomMigrations migrations();

}  // namespace slipway::traces
