// Keeps MLflow 3's logged models: what a run produced, with parameters and tags of its own, before
// anybody registers it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/db.h"
#include "tracking/experiments.h"
#include "tracking/values.h"

namespace slipway::tracking {

enum class Deleted { kHidden, kShown };

// Safe to use from several threads. Everything given to the constructor must outlive it.
class LoggedModels {
 public:
  LoggedModels(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // `draft` has experiment, name, type, source run, parameters and tags; the rest is filled here.
  // kInvalidArgument: a name that can't be part of a path. kFailedPrecondition: the experiment is
  // deleted.
  Result<LoggedModel> create(const LoggedModel& draft);
  Result<LoggedModel> get(const std::string& id, Deleted deleted = Deleted::kHidden);  // kNotFound
  // "LOGGED_MODEL_READY" or "LOGGED_MODEL_UPLOAD_FAILED".
  Result<LoggedModel> finalize(const std::string& id, const std::string& status);
  Result<void> remove(const std::string& id);
  Result<void> set_tags(const std::string& id, const std::vector<KeyValue>& tags);
  Result<void> delete_tag(const std::string& id, const std::string& key);
  Result<void> log_params(const std::string& id, const std::vector<KeyValue>& params);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
};

// The model with its parameters, tags and metrics; kNotFound. For searches.
Result<LoggedModel> find_logged_model(store::Reader& reader, const std::string& id,
                                      Deleted deleted);

}  // namespace slipway::tracking
