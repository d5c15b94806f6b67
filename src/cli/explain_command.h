#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// `slipway endpoints explain`.
void add_explain_command(CLI::App& endpoints, Context& context, int& exit_code);

}  // namespace slipway::cli
