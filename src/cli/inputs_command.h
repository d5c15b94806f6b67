// slipway endpoints inputs: the rules of what endpoints are asked.
#pragma once

#include "cli/verb.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_inputs_command(CLI::App& endpoints, Context& context, int& exit_code);

}  // namespace slipway::cli
