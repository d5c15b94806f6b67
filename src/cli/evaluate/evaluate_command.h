// slipway models evaluate: what a model is worth beyond one number.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;

void add_evaluate_command(CLI::App& models, Context& context, int& exit_code);

}  // namespace slipway::cli
