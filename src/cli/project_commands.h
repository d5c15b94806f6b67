// slipway plan, apply, clock: what slipway.yaml declares, and the time of a rehearsal.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_project_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
