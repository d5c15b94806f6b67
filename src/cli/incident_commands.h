// slipway incidents, slipway silences.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_incident_commands(CLI::App& root, Context& context, int& exit_code);
void add_silence_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
