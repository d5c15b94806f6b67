// slipway batch: models over files.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_batch_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
