// Runs a tracked run, or a pipeline's, again from what was recorded of it, and compares what came
// out.
#pragma once

#include <filesystem>
#include <string>

#include "cli/client.h"

namespace slipway::cli {

struct ReproduceOptions {
  std::filesystem::path repository;  // empty: found from the script's path, or where we are
  std::string command;               // empty: as recorded
  double tolerance = 0;              // relative
  bool from_data = false;            // also what the steps before it have written
  std::filesystem::path folder;      // empty: a temporary one that goes afterwards
};

// Restores code, data and environment, each checked, runs the command as a new run, and compares:
// {"run","reproduction","restored":[...],"steps":[...],"metrics":[...],"artifacts":[...],
// "seconds","verdict","equal"}. kFailedPrecondition: something can't be restored, with what
// exactly; nothing was run then.
Result<Json> reproduce_run(Client& client, const Context& context, const std::string& run,
                           const ReproduceOptions& options);

// The same of all steps of a pipeline's run that may run again: {"pipeline_run","pipeline",
// "restored","left":[...],"steps":[...],"runs":[...],"seconds","verdict","equal"}.
Result<Json> reproduce_pipeline_run(Client& client, const Context& context, const Json& run,
                                    const ReproduceOptions& options);

std::string run_reproduction_text(const Json& report);
std::string pipeline_reproduction_text(const Json& report);

}  // namespace slipway::cli
