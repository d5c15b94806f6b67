// `slipway users ...`, `slipway tokens ...`: who may log in.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_access_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
