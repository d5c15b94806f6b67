// `search`: what was searched, and its trials.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_search_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
