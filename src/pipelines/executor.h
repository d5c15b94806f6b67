// Runs one command and waits for it. One seam, so that a Kubernetes Job can stand where a process
// does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "pipelines/kubernetes/kubernetes_step.h"
#include "pipelines/resources.h"

namespace slipway::pipelines {

// A folder that pods have at the same path as this server, whose steps' files are below it.
struct SharedVolume {
  std::string claim;           // of a PersistentVolumeClaim; empty: a folder of the nodes
  std::filesystem::path host;  // that folder
  std::filesystem::path at;

  bool operator==(const SharedVolume&) const = default;
};

struct Command {
  std::string text;                                // for /bin/sh -c
  std::filesystem::path folder;                    // where it runs
  std::map<std::string, std::string> environment;  // on top of the server's own
  std::map<std::string, std::string> secrets;      // as well, but *** in the log
  std::map<std::string, std::string> masked;       // of other steps: *** in the log, not given
  std::filesystem::path log;                       // stdout and stderr, appended
  std::optional<base::Duration> timeout;
  Resources resources;  // of memory it has no more than this, of all its processes
  std::optional<KubernetesStep> kubernetes;  // a Job, instead of a process
  bool is_followed = false;                  // it may have begun already
  struct Names {
    std::string pipeline, run, step, job;
    std::string server;  // that runs it (ServerRecord::id); empty: this one
    std::int64_t step_try = 1;
  } names;  // of a step

  std::vector<std::string> hidden() const;  // values that are *** in the log
};

// What a command used; nothing: it isn't known.
struct Usage {
  std::optional<std::int64_t> peak_memory_bytes;  // of all its processes, as it was seen
  std::optional<double> cpu_seconds;              // of those that it waited for
};

struct Exit {
  enum class Kind {
    kExited,
    kTimedOut,
    kStopped,
    kLeft,  // it goes on, for the next server
    kLost,  // with its server, or its process is gone and nobody knows how it ended
    kOutOfMemory,
    kNotBegun,  // its server went before
  };
  Kind kind = Kind::kExited;
  int code = 0;        // 128 + signal when a signal ended it
  std::string reason;  // why, if the code doesn't say it
  Usage usage = {};
  std::optional<base::Timestamp> ended = {};  // wall clock; nothing: now
};

// The variable by which the processes of a step's try are found: NAME=job. Jobs, and steps of
// servers that share them (kServerMark), don't have it.
constexpr std::string_view kProcessMark = "SLIPWAY_PROCESS_OF";

// What is wanted of a command that runs.
enum class Wish {
  kGoOn,
  kEnd,
  kEndAtOnce,  // another server may run it already
  kLeave,      // this server ends: what can go on without it does, everything else ends
};

// Safe to use from several threads.
class Executor {
 public:
  virtual ~Executor() = default;
  // Waits for the end; asks for the wish some times a second and, unless it is to go on, ends
  // everything that the command started, or leaves it. One that is followed isn't started again:
  // kNotBegun, kLost.
  virtual Result<Exit> run(const Command& command, const std::function<Wish()>& wish) = 0;
  // Of what a server before this one has begun, before it is followed: the step signs in again.
  // `job` is empty for a process, which is known by its log.
  virtual void take_up(const std::string& /*pipeline*/, const std::string& /*job*/,
                       const std::filesystem::path& /*log*/) {}
  // The end of the command with this log is on record: what was kept for a server after this one
  // isn't needed any more.
  virtual void recorded(const std::filesystem::path& /*log*/) {}
  // Why steps of a project in this folder can't run as Jobs; empty: they can.
  virtual std::string lack_of_kubernetes(const std::filesystem::path& project) const;
  // Ends what is left running of commands with this NAME=value in their environment.
  virtual void clean_up(const std::string& mark) = 0;
};

// Processes on this machine, each in a process group of its own, without the server's descriptors.
// They don't outlive the server: of one that is followed the rest is ended.
class ProcessExecutor final : public Executor {
 public:
  Result<Exit> run(const Command& command, const std::function<Wish()>& wish) override;
  void clean_up(const std::string& mark) override;
};

}  // namespace slipway::pipelines
