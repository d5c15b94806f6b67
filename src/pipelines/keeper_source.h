// Processes that keep steps, and the one that makes them by forking: one that begins anew would
// load the whole program.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/file_system.h"

namespace slipway::pipelines {

// A process in a group of its own that keeps one step after the other. It outlives its server by
// the step that it keeps. One thread at a time.
class Keeper {
 public:
  explicit Keeper(store::FileHandle socket) : socket_(std::move(socket)) {}

  // It has both as its files 0 and 3 while it keeps the step. False: it is gone, and hasn't begun.
  bool give(int command, int notes) const;
  int news() const { return socket_.get(); }  // readable when it is done with a step, or gone
  bool is_done() const;                       // of what is readable: false: it is gone

 private:
  store::FileHandle socket_;
};

// Safe to use from several threads. The process that makes keepers is started with the first, again
// when it is gone, and ends with its server.
class KeeperSource {
 public:
  KeeperSource() = default;
  ~KeeperSource();
  KeeperSource(const KeeperSource&) = delete;
  KeeperSource& operator=(const KeeperSource&) = delete;

  // kResourceExhausted: too many processes or too little memory.
  Result<Keeper> make();
  // One that was given back; it may be gone.
  std::optional<Keeper> take();
  // One that is done, for the next step. It ends when none comes for a while.
  void give_back(Keeper keeper);

 private:
  Result<void> start() REQUIRES(mutex_);
  void end() REQUIRES(mutex_);

  base::Mutex mutex_;
  std::optional<store::FileHandle> socket_ GUARDED_BY(mutex_);
  pid_t process_ GUARDED_BY(mutex_) = 0;
  std::vector<Keeper> idle_ GUARDED_BY(mutex_);
};

// What that process does: each keeper is a fork of it in which `keep` runs for each step.
int make_keepers(const std::function<void()>& keep);

}  // namespace slipway::pipelines
