// The tables of this room.
#pragma once

#include "store/db.h"

namespace slipway::pipelines {

store::RoomMigrations migrations();

}  // namespace slipway::pipelines
