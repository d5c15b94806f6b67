// What an event changes, as rows: within the transaction that keeps it.
#pragma once

#include "lineage/values.h"
#include "store/db.h"

namespace slipway::lineage {

enum class Direction { kRead, kWritten };  // as stored

// As stored; what a facet says something of.
enum class FacetOwner { kRun, kJob, kDataset, kRunReads, kRunWrites, kJobReads, kJobWrites };

// Keeps the event and what follows from it. False: it was kept before, and nothing has changed.
// Facets of one name follow each other by the time of their events, whatever order these come in.
Result<bool> write_event(store::Tx& tx, const Event& event, base::Timestamp now);

}  // namespace slipway::lineage
