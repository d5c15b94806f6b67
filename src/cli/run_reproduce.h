// Runs a tracked run again from what was recorded of it, and compares what came out.
#pragma once

#include <filesystem>
#include <string>

#include "cli/client.h"

namespace slipway::cli {

struct ReproduceOptions {
  std::string run;
  std::filesystem::path repository;  // empty: found from the script's path, or where we are
  std::string command;               // empty: as recorded
  double tolerance = 0;              // relative
  std::filesystem::path folder;      // empty: a temporary one that goes afterwards
};

// Restores code, data and environment, each checked, runs the command as a new run, and compares:
// {"run","reproduction","restored":[...],"metrics":[...],"artifacts":[...],"equal"}.
// kFailedPrecondition: something can't be restored, with what exactly; nothing was run then.
Result<Json> reproduce_run(Client& client, const Context& context, const ReproduceOptions& options);

std::string reproduction_table(const Json& report);

}  // namespace slipway::cli
