// `slipway run-stage`: what a step does that is a stage of dvc.yaml.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;

void add_run_stage_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
