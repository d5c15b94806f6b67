// Brings back what a run was made from: its code at a commit, its inputs, its environment.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "cli/run_record.h"
#include "cli/run_reproduce.h"

namespace slipway::cli {

// What is needed to run it again.
struct RestoredRun {
  std::string command;           // for /bin/sh -c
  std::filesystem::path folder;  // where it runs
  std::map<std::string, std::string> environment;
  JsonArray restored;                          // {"what","detail"}
  std::filesystem::path repository, checkout;  // a git worktree, to be removed
};

// `work` is an empty folder. kFailedPrecondition: something can't be restored, with what exactly.
Result<RestoredRun> restore_run(Client& client, const RunRecord& run,
                                const ReproduceOptions& options, const std::filesystem::path& work);

// Ends the git worktree.
void discard_checkout(const RestoredRun& restored, const std::filesystem::path& work);

// Runs a command; what it writes is appended to `log`. The exit code.
Result<int> run_command(const std::string& command, const std::filesystem::path& folder,
                        const std::map<std::string, std::string>& environment,
                        const std::filesystem::path& log);

}  // namespace slipway::cli
