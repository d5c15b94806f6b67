// slipway lineage: from one prediction back to model, run, data and commit.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_lineage_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
