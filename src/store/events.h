// The event chain: every committed event sealed by hash, in batches, so that changing one byte of
// history is found.
#pragma once

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/db.h"

namespace slipway::store {

struct EventFilter {
  std::string subject;  // exactly this one or, ending in '/', everything under it; empty: all
  std::string kind;     // exactly this one; empty: all
  std::string actor{};  // exactly this one; empty: all
  // When they were written, by the server's own clock: from, and before.
  std::optional<base::Timestamp> from{}, until{};
  std::int64_t after = 0;                // sequence numbers above this one
  std::optional<std::int64_t> before{};  // and below this one
  std::size_t limit = 100;
  bool newest_first = false;
};

Result<std::vector<Event>> list_events(Db& db, const EventFilter& filter);

struct ChainReport {
  std::int64_t events = 0;
  std::int64_t sealed = 0;  // events covered by seals
  std::int64_t seals = 0;
  std::string head;  // hash of the newest seal, hex
};

// Recomputes every digest and seal. kCorruption names the first sequence number that doesn't fit.
Result<ChainReport> verify_chain(Db& db);

// Seals what is committed and not yet sealed. Returns how many events.
Result<std::int64_t> seal_events(Db& db, const base::Clock& clock);

// Calls seal_events about once a second on a thread of its own, so that writers never wait for each
// other.
class EventSealer {
 public:
  EventSealer(Db& db, const base::Clock& clock);
  ~EventSealer();  // stop()
  void stop();     // seals once more, then joins. Idempotent.

 private:
  void run();

  Db& db_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  base::CondVar wake_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace slipway::store
