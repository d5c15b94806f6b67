// A process that makes the keepers of steps by forking: one that begins anew would load the whole
// program for each step.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

#include "base/mutex.h"
#include "base/result.h"
#include "store/file_system.h"

namespace slipway::pipelines {

// Safe to use from several threads. The process is started with the first keeper, again when it is
// gone, and ends with its server; its keepers don't.
class KeeperSource {
 public:
  KeeperSource() = default;
  ~KeeperSource();
  KeeperSource(const KeeperSource&) = delete;
  KeeperSource& operator=(const KeeperSource&) = delete;

  // A process in a group of its own that reads `command` as its file 0 and has `notes` as its file
  // 3. Nobody has to wait for it. kResourceExhausted: too many processes or too little memory.
  Result<pid_t> make(int command, int notes);

 private:
  Result<void> start() REQUIRES(mutex_);
  void end() REQUIRES(mutex_);

  base::Mutex mutex_;
  std::optional<store::FileHandle> socket_ GUARDED_BY(mutex_);
  pid_t process_ GUARDED_BY(mutex_) = 0;
};

// What that process does: each keeper is a fork of it in which `keep` runs.
int make_keepers(const std::function<int()>& keep);

}  // namespace slipway::pipelines
