// slipway endpoints, monitors and alerts: what answers in production, and how it does.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_endpoint_commands(CLI::App& root, Context& context, int& exit_code);
void add_monitor_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
