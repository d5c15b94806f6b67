// `schedules`: when pipelines run by themselves; `pipelines backfill`: what they were not run for.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_schedule_commands(CLI::App& root, Context& context, int& exit_code);
void add_backfill_command(CLI::App& pipelines, Context& context, int& exit_code);

}  // namespace slipway::cli
