// slipway features materialize and slipway features show: what is loaded for online reads.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_online_commands(CLI::App& features, Context& context, int& exit_code);

}  // namespace slipway::cli
