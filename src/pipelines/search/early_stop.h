// Watches what a running trial reports, and says when it shall end early. For one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pipelines/run_record.h"
#include "pipelines/run_table.h"
#include "pipelines/search/asha.h"
#include "pipelines/search/search.h"
#include "pipelines/search/trial_runs.h"

namespace slipway::pipelines {

class EarlyStop {
 public:
  // `search` has stop_early; what is given must outlive it.
  EarlyStop(TrialRuns& tracked, RunTable& table, const Search& search, std::string run,
            const StepRecord& trial);

  // Whether it shall end; may be asked often and then looks only some times a second. What the
  // trial leaves at a rung is on record before anything is decided.
  bool stops();
  // Leaves what a trial that came to its end has reported.
  void finish();

  struct Stopped {
    Report last;  // that the trial made
    std::string reason;
  };
  const std::optional<Stopped>& stopped() const { return stopped_; }

 private:
  enum class Decide { kYes, kNo };
  Result<void> look(Decide decide);

  TrialRuns& tracked_;
  RunTable& table_;
  const Search& search_;
  const std::string run_;
  const StepRecord trial_;
  const std::string metric_;
  const std::vector<std::int64_t> rungs_;
  std::size_t next_rung_ = 0;
  std::chrono::steady_clock::time_point next_look_;
  std::optional<Stopped> stopped_;
  bool has_warned_ = false;
};

}  // namespace slipway::pipelines
