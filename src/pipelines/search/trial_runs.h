// Where a search and its trials are tracked as runs, so that they can be compared. The room of
// tracking is behind it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipelines/search/asha.h"

namespace slipway::pipelines {

struct TrialRun {
  std::string id;          // 32 hex digits
  std::string experiment;  // its name
  std::string name;
  std::string parent;  // the run of the search; empty: it is that
  std::map<std::string, std::string> params, tags;
};

// Safe to use from several threads.
class TrialRuns {
 public:
  virtual ~TrialRuns() = default;
  // Makes the run, and the experiment when there is none, unless it is there.
  // kFailedPrecondition: the experiment is deleted.
  virtual Result<void> begin(const TrialRun& run) = 0;
  enum class End { kFinished, kFailed, kKilled };
  // Ends it, with a last value of a metric; the same again changes nothing.
  virtual Result<void> end(const std::string& id, End end, const std::string& metric,
                           std::optional<double> value,
                           const std::map<std::string, std::string>& tags) = 0;
  // The latest value; nothing: no such run or metric.
  virtual Result<std::optional<double>> metric(const std::string& id, const std::string& name) = 0;
  // All its values, in the order of their steps; of one step, as they came.
  virtual Result<std::vector<Report>> reports(const std::string& id, const std::string& name) = 0;
  virtual Result<bool> exists(const std::string& id) = 0;
  // Deletes it as a user would; one that isn't there is fine.
  virtual Result<void> discard(const std::string& id) = 0;
};

}  // namespace slipway::pipelines
