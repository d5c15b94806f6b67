// slipway models: gates and promotion.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_model_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
