// Who may hear of an event: whoever may read what it is about.
#pragma once

#include <string>
#include <unordered_map>

#include "access/access.h"
#include "api/access/rules.h"
#include "base/mutex.h"
#include "store/db.h"

namespace slipway::api::access {

// Safe to use from several threads. `access` must outlive it.
class Audience {
 public:
  Audience(const slipway::access::Access& access, ExperimentOfRun experiment_of_run)
      : access_(access), experiment_of_run_(std::move(experiment_of_run)) {}

  // What isn't known to belong to the project, an experiment or a model is for administrators.
  bool may_hear(const std::string& user, const store::Event& event);

 private:
  bool may_read_run(const std::string& user, const std::string& run);

  const slipway::access::Access& access_;
  const ExperimentOfRun experiment_of_run_;

  base::Mutex mutex_;
  // A run stays in its experiment. Emptied when it is full.
  std::unordered_map<std::string, std::string> experiments_ GUARDED_BY(mutex_);
};

}  // namespace slipway::api::access
