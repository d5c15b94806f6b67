// Tables of buckets and what is in them.
#pragma once

#include "store/db.h"

namespace slipway::objects {

store::RoomMigrations migrations();

}  // namespace slipway::objects
