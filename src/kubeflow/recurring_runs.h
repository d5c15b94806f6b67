// Runs that start when they are due, as Kubeflow's clients ask for them: each is one of our
// schedules. Safe to use from several threads.
#pragma once

#include <string>
#include <vector>

#include "kubeflow/runs.h"

namespace slipway::kubeflow {

struct RecurringRunDraft {
  Target target;
  std::string experiment;  // empty: the default one
  std::string name, description, service_account;
  DueTimes due;
  bool is_enabled = true;
};

struct RecurringRun {
  std::string id, experiment, name, description, service_account;
  std::string pipeline, version;  // empty: it was given a spec
  std::string plan;
  JsonObject config;
  DueTimes due;
  bool is_enabled = true;
  base::Timestamp created, updated;
};

struct RecurringRunPage {
  std::vector<RecurringRun> runs;
  std::string next_page_token;
  std::size_t total = 0;
};

class RecurringRuns {
 public:
  RecurringRuns(store::Db& db, PlanSchedules& schedules, Plans& plans, Catalog& catalog,
                Experiments& experiments, const base::Clock& clock, base::Random& random)
      : db_(db),
        schedules_(schedules),
        plans_(plans),
        catalog_(catalog),
        experiments_(experiments),
        clock_(clock),
        random_(random) {}

  // kInvalidArgument: what is wrong with the times, the spec or a parameter.
  Result<RecurringRun> create(RecurringRunDraft draft, const std::string& actor);
  Result<RecurringRun> find(const std::string& id);  // kNotFound
  // An empty experiment: of all.
  Result<RecurringRunPage> list(const std::string& experiment, const ListQuery& query);
  Result<void> set_enabled(const std::string& id, bool enabled, const std::string& actor);
  Result<void> remove(const std::string& id, const std::string& actor);  // its runs stay

 private:
  Result<std::vector<RecurringRun>> all();
  // What it started is told of further on.
  Result<void> forget(const std::string& id);

  store::Db& db_;
  PlanSchedules& schedules_;
  Plans& plans_;
  Catalog& catalog_;
  Experiments& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

}  // namespace slipway::kubeflow
