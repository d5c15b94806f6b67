// `slipway datasets diff` and `slipway diff-files`: what is different between two versions of a
// table, of a dataset of the server or in files here.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_table_diff_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
