// slipway run, pipelines and runs.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_pipeline_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
