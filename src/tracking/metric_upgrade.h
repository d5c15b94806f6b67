// Brings metrics of the first table layout (a row a key, blocks of 24-byte points) into the present
// one (metric_series.h).
#pragma once

#include "store/db.h"

namespace slipway::tracking {

// Some runs per transaction, so that it can be interrupted and goes on at the next start. Does
// nothing when there is nothing old. To be called before anybody reads metrics.
Result<void> upgrade_metrics(store::Db& db);

}  // namespace slipway::tracking
