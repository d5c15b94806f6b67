// slipway data erase, erasures and tags: whose rows are to go, and who may see what.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_erase_commands(CLI::App& data, Context& context, int& exit_code);

}  // namespace slipway::cli
