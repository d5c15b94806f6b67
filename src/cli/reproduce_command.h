// slipway reproduce: made again from what is recorded, and compared.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// `slipway reproduce`, and `slipway runs reproduce`, which is the same.
void add_reproduce_command(CLI::App& parent, Context& context, int& exit_code);

}  // namespace slipway::cli
