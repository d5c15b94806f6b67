// `slipway endpoints explain`: what each input has to do with the predictions for rows of a file.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_explain_command(CLI::App& endpoints, Context& context, int& exit_code);

}  // namespace slipway::cli
