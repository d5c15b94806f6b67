// `slipway import feast`: a feature repository of Feast as a slipway.yaml.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// Adds `feast` to the noun `import`.
void add_feast_import(CLI::App& import_noun, Context& context, int& exit_code);

}  // namespace slipway::cli
