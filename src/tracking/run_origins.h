// Where tracked runs come from and what they have read and made, of all runs at once: for who looks
// for those of a pipeline's run or of a dataset, which search by experiment doesn't find. Deleted
// runs count: their models may be in use.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/db.h"

namespace slipway::tracking {

// A run that a step of a pipeline's run has begun, by its tags slipway.run_id and slipway.step.
struct RunOrigin {
  std::string id, pipeline_run, step;
};
// Reads the tags of all runs.
Result<void> each_run_origin(store::Db& db, const std::function<void(const RunOrigin&)>& each);

// A dataset that was logged as the input of a run.
struct DatasetUse {
  std::string run, name, digest;
  std::string context;  // "training", or what else was said; empty: nothing
};
Result<std::vector<DatasetUse>> dataset_uses(store::Db& db, const std::set<std::string>& names);

// A logged model that isn't deleted.
struct ModelOfRun {
  std::string model_id, run;
};
Result<std::vector<ModelOfRun>> logged_models_of(store::Db& db, const std::set<std::string>& runs);

}  // namespace slipway::tracking
