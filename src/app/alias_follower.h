// Releases hear of aliases that moved in the registry, whichever server of the database moved them.
#pragma once

#include "base/mutex.h"
#include "registry/registry.h"
#include "releases/releases.h"
#include "store/db.h"

namespace slipway::app {

// Reads the moves from the committed events and remembers in the Db how far it has come, so that a
// move is passed on although nobody led when it was made, or the server ended right behind it.
// Passed on at least once. Safe to use from several threads.
class AliasFollower final : public registry::AliasObserver {
 public:
  AliasFollower(store::Db& db, releases::Releases& releases) : db_(db), releases_(releases) {}

  static store::RoomMigrations migrations();

  // Passes on what has moved since the last time. What fails by something that may pass
  // (kUnavailable, kStorageFull, kDeadlineExceeded) is passed on the next time.
  Result<void> catch_up();
  void alias_moved(const registry::AliasMove& move) override;  // here: catches up at once

 private:
  Result<void> pass_on(const store::Event& event);

  store::Db& db_;
  releases::Releases& releases_;
  base::Mutex mutex_;
  std::int64_t position_ GUARDED_BY(mutex_) = -1;  // events up to here are done; -1: not read yet
};

}  // namespace slipway::app
