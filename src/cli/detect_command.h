// `slipway monitor detect`: where a detector finds changes in a column of a file.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_detect_command(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
