// `slipway serve MODEL`: one model and nothing else, as a container runs it.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;

void add_serve_command(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
