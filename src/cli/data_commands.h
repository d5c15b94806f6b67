// slipway data and slipway features: versions of datasets, and training sets made from them.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_data_commands(CLI::App& root, Context& context, int& exit_code);
void add_feature_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
