// slipway data init, add, commit, log, diff, checkout, push, pull, ...: versions of folders of
// files.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// Verbs of `slipway data`.
void add_version_commands(CLI::App& data, Context& context, int& exit_code);

}  // namespace slipway::cli
