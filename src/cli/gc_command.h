// `slipway gc`: takes what was deleted away for good.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/client.h"

namespace slipway::cli {

void add_gc_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
