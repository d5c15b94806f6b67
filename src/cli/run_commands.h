// Verbs about tracked runs: list, show, compare.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_run_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
