// The tables of this room: docs/formats/invocations.md.
#pragma once

#include "store/db.h"

namespace slipway::invocations {

store::RoomMigrations migrations();

}  // namespace slipway::invocations
