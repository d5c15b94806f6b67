// `slipway server`: everything in one process.
#pragma once

namespace CLI {
class App;
}

namespace slipway::cli {

struct Context;

// Adds the verb with a flag for every setting; calling it serves until SIGINT or SIGTERM.
// `exit_code` is set by the call.
void add_server_command(CLI::App& root, int& exit_code);

// `slipway servers`: those that share a database.
void add_servers_command(CLI::App& root, const Context& context, int& exit_code);

}  // namespace slipway::cli
