// `slipway monitor report`: two data sets compared column by column, here or by the server.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_drift_report(CLI::App& monitors, Context& context, int& exit_code);

}  // namespace slipway::cli
