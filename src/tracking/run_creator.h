// Writes the runs that many callers create at the same time.
#pragma once

#include "store/db.h"
#include "tracking/values.h"

namespace slipway::tracking {

// What callers bring at the same time is one write of the Db. Safe to use from several threads.
// `db` must outlive it.
class RunCreator final : public store::JointWrite {
 public:
  explicit RunCreator(store::Db& db) : db_(db) {}

  // Stores `run`, which has everything but its artifact_uri, for the acting user; no tag comes
  // twice. kNotFound: no such experiment. kFailedPrecondition: it is deleted.
  Result<void> create(Run& run, std::int64_t experiment);

  Result<void> run(store::Tx& tx, std::span<store::JointItem* const> items) override;

 private:
  struct Item;

  store::Db& db_;
};

}  // namespace slipway::tracking
