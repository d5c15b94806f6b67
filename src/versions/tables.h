// The versions' tables.
#pragma once

#include "store/db.h"

namespace slipway::versions {

store::RoomMigrations migrations();

}  // namespace slipway::versions
