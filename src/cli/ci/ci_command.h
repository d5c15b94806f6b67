// slipway ci.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_ci_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
