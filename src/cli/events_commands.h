// Verbs over the event log: `slipway events list`, `slipway events verify`.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_events_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
