// Bringing rooms' tables up to date: the same steps, bookkeeping and refusals for every store.
#pragma once

#include <functional>
#include <vector>

#include "store/db.h"

namespace slipway::store {

using RunWrite = std::function<Result<void>(const std::function<Result<void>(Tx&)>&)>;

// Each room, and the events, in one write. kFailedPrecondition: the database was written by a newer
// build.
Result<void> run_migrations(const std::vector<RoomMigrations>& rooms, const RunWrite& run_write);

}  // namespace slipway::store
