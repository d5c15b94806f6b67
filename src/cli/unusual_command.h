// `slipway monitor unusual`: what a rule without a threshold would say of numbers in a file, one a
// window.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_unusual_command(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
