// `slipway run-task`: what steps of Kubeflow's pipelines run. Nobody calls it by hand.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;
void add_run_task_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
