// Keeps runs: what was tried, with which parameters, and what came out.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "tracking/experiments.h"
#include "tracking/metric_keys.h"
#include "tracking/point_writer.h"
#include "tracking/run_creator.h"
#include "tracking/run_observer.h"
#include "tracking/values.h"

namespace slipway::tracking {

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Runs {
 public:
  Runs(store::Db& db, MetricKeys& keys, const base::Clock& clock, base::Random& random)
      : db_(db), keys_(keys), points_(db, keys), creator_(db), clock_(clock), random_(random) {}

  // At most one observer, set before the first request; it must outlive the runs' use.
  void set_observer(RunObserver* observer) { observer_ = observer; }

  struct Draft {
    std::string experiment_id;
    std::string user;
    std::string name;                      // empty: the tag mlflow.runName, or a random one
    std::optional<std::int64_t> start_ms;  // now when left out
    std::vector<KeyValue> tags;
    std::string id = {};  // 32 hex digits that no run has; empty: random ones
  };
  // kNotFound: no such experiment. kFailedPrecondition: it is deleted. kInvalidArgument: name and
  // tag disagree.
  Result<Run> create(const Draft& draft);

  // With latest metrics, parameters, tags, inputs and outputs; deleted runs too. kNotFound.
  Result<Run> get(const std::string& id);
  // The same for many by their numbers in the Db, in this order; what doesn't exist is left out.
  Result<std::vector<Run>> get_many(const std::vector<std::int64_t>& numbers);

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
  // kInvalidArgument. Metrics with a model are also kept with that.
  Result<void> log_batch(const std::string& id, const std::vector<Metric>& metrics,
                         const std::vector<KeyValue>& params, const std::vector<KeyValue>& tags);
  Result<void> delete_tag(const std::string& id, const std::string& key);
  Result<void> log_inputs(const std::string& id, const std::vector<DatasetInput>& datasets,
                          const std::vector<std::string>& models);
  Result<void> log_outputs(const std::string& id, const std::vector<ModelOutput>& models);

  // By timestamp, step, value. An unknown key or run has no points. `max_results` 0: all. A page
  // costs its own points, not those of the whole history.
  Result<Page<Metric>> metric_history(const std::string& id, const std::string& key,
                                      std::int64_t max_results, const std::string& token);

 private:
  // In one transaction, whatever it is.
  Result<void> log_mixed(const std::string& id, const std::vector<Metric>& metrics,
                         const std::vector<KeyValue>& params, const std::vector<KeyValue>& tags);
  Result<void> set_stage(const std::string& id, Stage stage);
  Result<void> read_details(store::Reader& reader, std::int64_t number, Run& run);

  store::Db& db_;
  MetricKeys& keys_;
  PointWriter points_;
  RunCreator creator_;
  const base::Clock& clock_;
  base::Random& random_;
  RunObserver* observer_ = nullptr;
};

}  // namespace slipway::tracking
