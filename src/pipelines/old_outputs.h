// Gives back the room that runs of pipelines have taken: their outputs and logs, once they are old
// and no later run has been answered with them. The record of a run stays.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/passes.h"
#include "base/result.h"
#include "store/db.h"

namespace slipway::pipelines {

// kept -> leaving: no longer an answer from cache -> removing -> gone, a pass for each of the first
// two, so that a run that was just answered with them is on record before they go. A kill in
// between is made good by the next pass. Safe to use from several threads; what is given must
// outlive it.
class OldOutputs {
 public:
  struct Options {
    std::filesystem::path folder;                         // of runs
    base::Duration retention = base::Duration::days(90);  // after a run's end; 0: for ever
    base::Duration interval = base::Duration::hours(1);   // between passes
  };
  OldOutputs(store::Db& db, const base::Clock& wall_clock, base::Metrics& metrics, Options options);

  // A thread that makes passes; none when outputs are kept for ever.
  void start();
  void stop() { passes_.stop(); }  // after the run at hand. Idempotent.

  // Removes what the last pass let go, and lets go what is old by now. Returns the bytes removed.
  Result<std::int64_t> pass();

 private:
  Result<std::vector<std::string>> runs_with(std::string_view outputs);
  Result<bool> is_used(store::Tx& tx, const std::string& run);
  // Moves a run on when it is still old and unused; false: it isn't.
  Result<bool> move_on(const std::string& run, std::string_view from, std::string_view to);
  Result<std::int64_t> remove_files(const std::string& run);

  store::Db& db_;
  const base::Clock& wall_clock_;
  const Options options_;
  base::Counter& bytes_;
  base::Counter& failures_;
  base::Passes passes_;
};

}  // namespace slipway::pipelines
