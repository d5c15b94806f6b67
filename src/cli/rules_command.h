// slipway data rules: what must hold of a dataset's rows, made from rows or from what others wrote.
#pragma once

#include "cli/verb.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_rules_command(CLI::App& data, Context& context, int& exit_code);

}  // namespace slipway::cli
