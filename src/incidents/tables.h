// The tables of incidents.
#pragma once

#include "store/db.h"

namespace slipway::incidents {

store::RoomMigrations migrations();

}  // namespace slipway::incidents
