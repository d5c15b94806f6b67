// pipelines tracks the trials of a search as runs.
#pragma once

#include "base/clock.h"
#include "pipelines/search/trial_runs.h"
#include "tracking/experiments.h"
#include "tracking/runs.h"

namespace slipway::app {

class TrackedTrials final : public pipelines::TrialRuns {
 public:
  TrackedTrials(tracking::Experiments& experiments, tracking::Runs& runs, const base::Clock& clock)
      : experiments_(experiments), runs_(runs), clock_(clock) {}
  Result<void> begin(const pipelines::TrialRun& run) override;
  Result<void> end(const std::string& id, End end, const std::string& metric,
                   std::optional<double> value,
                   const std::map<std::string, std::string>& tags) override;
  Result<std::optional<double>> metric(const std::string& id, const std::string& name) override;
  Result<std::vector<pipelines::Report>> reports(const std::string& id,
                                                 const std::string& name) override;
  Result<bool> exists(const std::string& id) override;
  Result<void> discard(const std::string& id) override;

 private:
  Result<std::string> ensure_experiment(const std::string& name);
  // Nothing: there is none. Deleted ones are there.
  Result<std::optional<tracking::Run>> find(const std::string& id);

  tracking::Experiments& experiments_;
  tracking::Runs& runs_;
  const base::Clock& clock_;
};

}  // namespace slipway::app
