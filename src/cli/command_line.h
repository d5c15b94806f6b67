// The command line: the flags of all verbs, and the verbs themselves.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/client.h"
#include "cli/commands.h"

namespace slipway::cli {

struct CommandLine {
  CommandLine();
  CommandLine(const CommandLine&) = delete;  // verbs refer to its members
  CommandLine& operator=(const CommandLine&) = delete;

  Context context;
  int exit_code = kOk;
  CLI::App root{"Slipway: from raw data to a model in production, and honest there.", "slipway"};
};

// Those that ask a server or work on files with neither Arrow, nor gRPC, nor a store: without these
// a process starts in a tenth of the time.
void add_light_verbs(CommandLine& line);

}  // namespace slipway::cli
