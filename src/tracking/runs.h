// Keeps runs: what was tried, with which parameters, and what came out.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "tracking/experiments.h"
#include "tracking/values.h"

namespace slipway::tracking {

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Runs {
 public:
  Runs(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}

  struct Draft {
    std::string experiment_id;
    std::string user;
    std::string name;                      // empty: the tag mlflow.runName, or a random one
    std::optional<std::int64_t> start_ms;  // now when left out
    std::vector<KeyValue> tags;
  };
  // kNotFound: no such experiment. kFailedPrecondition: it is deleted. kInvalidArgument: name and
  // tag disagree.
  Result<Run> create(const Draft& draft);

  // With latest metrics, parameters, tags, inputs and outputs; deleted runs too. kNotFound.
  Result<Run> get(const std::string& id);
  // The same for many, in the order of `ids`; ids that don't exist are left out.
  Result<std::vector<Run>> get_many(const std::vector<std::string>& ids);

  struct Update {
    std::optional<RunStatus> status;
    std::optional<std::int64_t> end_ms;
    std::optional<std::string> name;
  };
  // All writes from here on answer kFailedPrecondition when the run is deleted.
  Result<Run> update(const std::string& id, const Update& update);
  Result<void> remove(const std::string& id);  // idempotent
  Result<void> restore(const std::string& id);

  // All or nothing. A parameter is written once: the same value again is fine, another is
  // kInvalidArgument.
  Result<void> log_batch(const std::string& id, const std::vector<Metric>& metrics,
                         const std::vector<KeyValue>& params, const std::vector<KeyValue>& tags);
  Result<void> delete_tag(const std::string& id, const std::string& key);
  Result<void> log_inputs(const std::string& id, const std::vector<DatasetInput>& datasets,
                          const std::vector<std::string>& models);
  Result<void> log_outputs(const std::string& id, const std::vector<ModelOutput>& models);

  // By timestamp, step, value. An unknown key or run has no points. `max_results` 0: all.
  Result<Page<Metric>> metric_history(const std::string& id, const std::string& key,
                                      std::int64_t max_results, const std::string& token);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::tracking
