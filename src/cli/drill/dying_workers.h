// Python processes of a server's models that die as soon as they are there.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <thread>

namespace slipway::cli {

// While it lives, every such process is killed (SIGKILL); those there were are when it is made.
class DyingWorkers {
 public:
  // `server`: whose children they are; `program`: what they run, worker.py.
  DyingWorkers(pid_t server, std::filesystem::path program);
  ~DyingWorkers() = default;

 private:
  std::jthread thread_;
};

}  // namespace slipway::cli
