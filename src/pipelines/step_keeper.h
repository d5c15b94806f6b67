// The process that begins a step's command and waits for its end in the server's place, so that the
// server may be killed meanwhile.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "base/mutex.h"
#include "pipelines/executor.h"
#include "pipelines/keeper_source.h"

namespace slipway::pipelines {

// Runs each command under a keeper, another process of this program, which needs no server once it
// has begun: it masks the log, keeps timeout and memory, and leaves in a file beside the log,
// STEP.try, how the command ended. It has that file locked from before it begins until it has
// ended, and a lock ends with its process, so that no id of a process is taken for another's. Of
// one without a keeper and without an end (kLost), what has its mark is ended. What is on record
// needs its file no more: it is the next command's, as a new one takes longer than all its writes.
//
// Safe to use from several threads.
class KeptProcesses final : public Executor {
 public:
  // Of what runs when its server leaves.
  enum class AtStop {
    kEnd,    // it is ended, and the next server is told that (kNotBegun)
    kLeave,  // it goes on, and the next server follows it (kLeft)
  };
  explicit KeptProcesses(AtStop at_stop) : at_stop_(at_stop) {}
  ~KeptProcesses() override;

  Result<Exit> run(const Command& command, const std::function<Wish()>& wish) override;
  void clean_up(const std::string& mark) override { processes_.clean_up(mark); }
  void recorded(const std::filesystem::path& log) override;

  // The command of the keeper that writes this log, from its memory; nothing: none does.
  static std::optional<Command> kept(const std::filesystem::path& log);

 private:
  // Gives it to a keeper, which has its notes locked from then on.
  Result<Keeper> begin(const Command& command);
  // The command's file, empty and locked: one that is spare, or a new one.
  Result<store::FileHandle> take_notes(const std::filesystem::path& log);

  const AtStop at_stop_;
  ProcessExecutor processes_;
  KeeperSource source_;
  base::Mutex mutex_;
  // Files of commands that have ended, before and after that is on record.
  std::set<std::filesystem::path> ended_ GUARDED_BY(mutex_);
  std::vector<std::filesystem::path> spare_ GUARDED_BY(mutex_);
};

// What `slipway step-keeper` does: makes keepers for a server.
int keep_steps();

}  // namespace slipway::pipelines
