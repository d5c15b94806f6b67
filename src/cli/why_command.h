// slipway why, slipway changed.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_why_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
