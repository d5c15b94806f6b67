// What the database itself has to do with events: their table, and how one row and its digest are
// made.
#pragma once

#include <vector>

#include "base/random.h"
#include "store/db.h"

namespace slipway::store {

std::vector<Migration> event_migrations();

Result<void> insert_event(Tx& tx, const EventDraft& draft, base::Timestamp arrival_time,
                          base::Random& random);

}  // namespace slipway::store
