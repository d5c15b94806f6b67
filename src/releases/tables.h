// The release ledger's tables; docs/formats/ledger.md describes them.
#pragma once

#include "store/db.h"

namespace slipway::releases {

store::RoomMigrations migrations();

}  // namespace slipway::releases
