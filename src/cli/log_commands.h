// What steps of pipelines have written: `pipelines log`, `pipelines grep`.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;

void add_log_commands(CLI::App& pipelines, Context& context, int& exit_code);

}  // namespace slipway::cli
