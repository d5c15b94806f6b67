// `slipway monitor windows`: what a monitor's windows say, by the kind of its problem.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_windows_command(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
