// `slipway monitor profile`: what inputs looked like, of an endpoint over some time or in a file.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_profile_command(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
