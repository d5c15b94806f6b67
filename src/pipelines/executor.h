// Runs one command and waits for it. One seam, so that a Kubernetes Job can stand where a process
// does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/timestamp.h"

namespace slipway::pipelines {

struct Command {
  std::string text;                                // for /bin/sh -c
  std::filesystem::path folder;                    // where it runs
  std::map<std::string, std::string> environment;  // on top of the server's own
  std::map<std::string, std::string> secrets;      // as well, but *** in the log
  std::filesystem::path log;                       // stdout and stderr, appended
  std::optional<base::Duration> timeout;
  std::int64_t memory_bytes_max = 0;  // of all its processes; 0: as the machine has it
};

// What a command used; nothing: it isn't known.
struct Usage {
  std::optional<std::int64_t> peak_memory_bytes;  // of all its processes, as it was seen
  std::optional<double> cpu_seconds;              // of those that it waited for
};

struct Exit {
  enum class Kind { kExited, kTimedOut, kStopped, kOutOfMemory };
  Kind kind = Kind::kExited;
  int code = 0;  // 128 + signal when a signal ended it
  Usage usage = {};
};

// Safe to use from several threads.
class Executor {
 public:
  virtual ~Executor() = default;
  // Waits for the end; asks `should_stop` some times a second and then ends everything that the
  // command started.
  virtual Result<Exit> run(const Command& command, const std::function<bool()>& should_stop) = 0;
  // Ends what a crashed server left running of commands with this NAME=value in their environment.
  virtual void clean_up(const std::string& mark) = 0;
};

// Processes on this machine, each in a process group of its own, without the server's descriptors.
class ProcessExecutor final : public Executor {
 public:
  Result<Exit> run(const Command& command, const std::function<bool()>& should_stop) override;
  void clean_up(const std::string& mark) override;
};

}  // namespace slipway::pipelines
