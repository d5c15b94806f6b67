// Brings back what a run was made from: its code at a commit, its inputs, its environment.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/drill/server.h"
#include "cli/run_record.h"
#include "cli/run_reproduce.h"

namespace slipway::cli {

// One command of what is run again.
struct RestoredCommand {
  std::string step;                            // of a pipeline; empty: a script
  std::string text;                            // for /bin/sh -c
  std::filesystem::path folder;                // where it runs
  std::filesystem::path out, before;           // what a step writes to, and what it wrote to
  std::map<std::string, std::string> outputs;  // file -> SHA-256, as a step wrote them before
  std::map<std::string, std::string> environment;
};

// What is needed to run it again.
struct RestoredRun {
  std::vector<RestoredCommand> commands;       // one after the other; a run's own is the last
  JsonArray restored;                          // {"what","detail"}
  std::unique_ptr<Server> data;                // has the datasets as they were; null: as they are
  std::filesystem::path registry;              // MLflow's, with models as they were
  std::filesystem::path repository, checkout;  // a git worktree, to be removed
};

// `work` is an empty folder. Of a run that a step made: its step, and those before it whose files
// are gone (with options.from_data, all those before it). kFailedPrecondition: something can't be
// restored, with what exactly.
Result<RestoredRun> restore_run(Client& client, const Context& context, const RunRecord& run,
                                const ReproduceOptions& options, const std::filesystem::path& work);

// All steps of a pipeline's run that ended well, but those that are not to be answered from cache
// (they may change something), unless they are `tracked`. `left`: {"step","why"} of those that are
// not run.
Result<RestoredRun> restore_pipeline_run(Client& client, const Context& context, const Json& run,
                                         const ReproduceOptions& options,
                                         const std::filesystem::path& work,
                                         const std::set<std::string>& tracked, JsonArray& left);

// One word for /bin/sh.
std::string shell_word(std::string_view text);

// Ends the git worktree.
void discard_checkout(const RestoredRun& restored, const std::filesystem::path& work);

// Runs a command; what it writes is appended to `log`. The exit code.
Result<int> run_command(const std::string& command, const std::filesystem::path& folder,
                        const std::map<std::string, std::string>& environment,
                        const std::filesystem::path& log);

}  // namespace slipway::cli
