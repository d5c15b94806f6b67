// `slipway monitor slices`: where a model does worst.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_slices_command(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
