// Shows a run's metrics as they come.
#pragma once

#include <string>

#include "cli/client.h"

namespace slipway::cli {

// Until the run ends; on a terminal the latest values written over, else a line a point, and with
// --json a line of JSON an event. Comes back by itself when the connection breaks. The exit code:
// kFailed when the run failed or was killed.
int watch_run(const Context& context, const std::string& run);

}  // namespace slipway::cli
