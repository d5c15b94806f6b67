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

// Safe to use from several threads. Everything given to the constructor must outlive it.
class LoggedModels {
 public:
  LoggedModels(store::Db& db, const base::Clock& clock, base::Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // `draft` has experiment, name, type, source run, parameters and tags; the rest is filled here.
  Result<LoggedModel> create(const LoggedModel& draft);
  Result<LoggedModel> get(const std::string& id);  // kNotFound, also when deleted
  // "LOGGED_MODEL_READY" or "LOGGED_MODEL_UPLOAD_FAILED".
  Result<LoggedModel> finalize(const std::string& id, const std::string& status);
  Result<void> remove(const std::string& id);
  Result<void> set_tags(const std::string& id, const std::vector<KeyValue>& tags);
  Result<void> delete_tag(const std::string& id, const std::string& key);
  Result<void> log_params(const std::string& id, const std::vector<KeyValue>& params);
  // Newest first. The filter compares name, model_id, model_type, status, source_run_id, tags and
  // params with texts.
  Result<Page<LoggedModel>> search(const std::vector<std::string>& experiment_ids,
                                   const std::string& filter, std::int64_t max_results,
                                   const std::string& page_token);

 private:
  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::tracking
