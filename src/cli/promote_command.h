// `slipway promote`: a model version, with what speaks for it, from one server to another.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/client.h"

namespace slipway::cli {

void add_promote_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
