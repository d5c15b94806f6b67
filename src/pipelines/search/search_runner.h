// Takes a step with `search` through its trials: proposes them, tracks each as a run, and makes the
// outputs of the best the step's. Safe to use from several threads.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "pipelines/plan.h"
#include "pipelines/run_record.h"
#include "pipelines/search/trial_runs.h"
#include "pipelines/search/trials.h"

namespace slipway::pipelines {

// How the steps at `items` stand as trials, without their points.
std::vector<Trial> trials_at(const std::vector<StepRecord>& steps,
                             const std::vector<std::size_t>& items);

class SearchRunner {
 public:
  // What is given must outlive it.
  SearchRunner(TrialRuns& tracked, base::Random& random, std::size_t trials_max)
      : tracked_(tracked), random_(random), trials_max_(trials_max) {}

  // Makes the step a running one; no trial is proposed yet. kResourceExhausted: it wants more
  // trials than there may be.
  Result<void> begin(StepRecord& step, const Search& search);

  // Adds the trials that are due behind the other steps of the run.
  Result<void> propose(RunRecord& run, std::size_t position, const Search& search);

  // Gives a trial that is about to run a tracked run that nothing has been written to.
  Result<void> renew(StepRecord& trial);
  // What the trial at `position` is tracked as.
  static TrialRun tracked(const RunRecord& run, std::size_t position, const Search& search);
  Result<void> track(const TrialRun& run) { return tracked_.begin(run); }

  // The value of a trial whose command ended well. `run`: that it was tracked as. kNotFound,
  // kInvalidArgument: it has none.
  Result<double> score(const Search& search, const std::filesystem::path& folder,
                       const std::string& run);
  // Tells how a trial has ended. What can't be told is a warning in the log.
  void end(const StepRecord& trial, const Search& search);

  // Whether a trial that another search stopped early would have been stopped by this one, too: it
  // says the same and makes at least as many trials.
  static bool would_stop_as(const Search& search, const std::string& other);

  // Ends a search of which no trial is to come any more, with the best trial's outputs, best.json
  // and trials.json in `folder`.
  Result<void> gather(RunRecord& run, std::size_t position, const Search& search,
                      const std::filesystem::path& folder);

 private:
  TrialRuns& tracked_;
  base::Random& random_;
  const std::size_t trials_max_;
};

}  // namespace slipway::pipelines
