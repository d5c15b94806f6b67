// `slipway import`: what other servers and stores have kept.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_import_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
