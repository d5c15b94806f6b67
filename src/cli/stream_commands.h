// slipway streams and topics.
#pragma once

#include "cli/client.h"

namespace CLI {
class App;
}

namespace slipway::cli {

void add_stream_commands(CLI::App& root, Context& context, int& exit_code);

}  // namespace slipway::cli
