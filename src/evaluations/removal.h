// What goes when something that it belongs to is taken away for good.
#pragma once

#include <cstdint>
#include <string>

#include "store/db.h"

namespace slipway::evaluations {

// An experiment's scorers, label schemas and review queues, and its place in evaluation datasets,
// which stay.
Result<void> remove_of_experiment(store::Tx& tx, std::int64_t experiment);

// A trace's places in review queues.
Result<void> remove_of_trace(store::Tx& tx, const std::string& trace_id);

}  // namespace slipway::evaluations
