// Tracked runs in memory.
#pragma once

#include <filesystem>
#include <fstream>

#include "base/mutex.h"
#include "pipelines/search/trial_runs.h"

namespace slipway::pipelines {

class FakeTrialRuns final : public TrialRuns {
 public:
  struct Known {
    TrialRun run;
    std::string end;  // empty: it runs
    std::map<std::string, double> metrics;
    bool deleted = false;
  };

  Result<void> begin(const TrialRun& run) override {
    const base::MutexLock lock(mutex_);
    known_.try_emplace(run.id, Known{.run = run, .end = {}, .metrics = {}});
    return {};
  }
  Result<void> end(const std::string& id, End end, const std::string& metric,
                   std::optional<double> value,
                   const std::map<std::string, std::string>& /*tags*/) override {
    const base::MutexLock lock(mutex_);
    Known& known = known_.at(id);
    known.end = end == End::kFinished ? "finished" : end == End::kFailed ? "failed" : "killed";
    if (value) known.metrics[metric] = *value;
    return {};
  }
  Result<std::optional<double>> metric(const std::string& id, const std::string& name) override {
    const base::MutexLock lock(mutex_);
    const auto known = known_.find(id);
    if (known == known_.end() || !known->second.metrics.contains(name))
      return std::optional<double>();
    return std::optional(known->second.metrics.at(name));
  }
  // `VALUE` lines that a command has written to a file named as its run, in `reports_folder`: of
  // the metric v.
  Result<std::vector<Report>> reports(const std::string& id, const std::string& name) override {
    std::vector<Report> found;
    if (name != "v") return found;
    std::ifstream file(reports_folder / id);
    for (double value = 0; file >> value;)
      found.push_back({.step = static_cast<std::int64_t>(found.size()) + 1, .value = value});
    return found;
  }
  std::filesystem::path reports_folder;

  Result<bool> exists(const std::string& id) override {
    const base::MutexLock lock(mutex_);
    return known_.contains(id);
  }
  Result<void> discard(const std::string& id) override {
    const base::MutexLock lock(mutex_);
    if (known_.contains(id)) known_[id].deleted = true;
    return {};
  }

  // That aren't deleted, by id.
  std::map<std::string, Known> active() {
    const base::MutexLock lock(mutex_);
    std::map<std::string, Known> found;
    for (const auto& [id, known] : known_) {
      if (!known.deleted) found[id] = known;
    }
    return found;
  }

 private:
  base::Mutex mutex_;
  std::map<std::string, Known> known_ GUARDED_BY(mutex_);
};

}  // namespace slipway::pipelines
