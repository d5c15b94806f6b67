#pragma once

#include "store/db.h"

namespace slipway::evaluations {

store::RoomMigrations migrations();

}  // namespace slipway::evaluations
