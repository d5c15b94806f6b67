// Faults of what an endpoint runs on, and of what its alerts start.
#pragma once

#include <optional>
#include <vector>

#include "cli/drill/faults.h"
#include "cli/drill/pipeline_trouble.h"

namespace slipway::cli {

// Of the machine, the feature store if features are looked up, the model, and its Python processes.
std::vector<Fault> server_faults(const std::vector<LookedUp>& looked_up, bool runs_python);

// Of the pipeline that an alert starts when the world changes: there must be both. `known`: faults
// of the recording.
std::vector<Fault> pipeline_faults(const std::vector<Fault>& known,
                                   const std::optional<Retraining>& retraining);

}  // namespace slipway::cli
