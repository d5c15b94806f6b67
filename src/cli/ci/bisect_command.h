// slipway bisect.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_bisect_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
