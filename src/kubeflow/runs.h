// Runs of compiled pipelines, as Kubeflow's clients know them: what runs is a run of one of our
// pipelines, with the same id. Safe to use from several threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "kubeflow/catalog.h"
#include "kubeflow/experiments.h"
#include "kubeflow/listing.h"
#include "kubeflow/plans.h"
#include "kubeflow/ports.h"
#include "store/db.h"

namespace slipway::kubeflow {

// What shall run: a spec, or a version that was uploaded (none: the newest of `pipeline`).
struct Target {
  std::optional<Json> spec;
  std::string pipeline, version;
  JsonObject config;  // {"parameters", "pipeline_root"}
};

// `target.version` becomes the one that was meant. As Plans::keep and Catalog::find_version.
Result<Plan> find_plan(Target& target, Plans& plans, Catalog& catalog, const std::string& actor);
// The parameters of `config`. kInvalidArgument: they are no mapping, or as plan_parameters.
Result<std::map<std::string, std::string>> parameters_of(const CompiledPipeline& pipeline,
                                                         const JsonObject& config);

struct RunDraft {
  Target target;
  std::string experiment;  // empty: the default one
  std::string name, description, service_account;
};

struct Run {
  std::string experiment, name, description, service_account, recurring_run;
  std::string pipeline, version;  // empty: it was given a spec
  JsonObject config;
  bool is_archived = false;
  RunState state;

  std::string_view state_name() const;  // as Kubeflow has them: "SUCCEEDED"
};
std::string_view state_name_of(const StepState& step);

struct RunPage {
  std::vector<Run> runs;  // without steps
  std::string next_page_token;
  std::size_t total = 0;
};

class Runs {
 public:
  Runs(store::Db& db, PlanRunner& runner, Plans& plans, Catalog& catalog, Experiments& experiments,
       const base::Clock& clock, base::Random& random)
      : db_(db),
        runner_(runner),
        plans_(plans),
        catalog_(catalog),
        experiments_(experiments),
        clock_(clock),
        random_(random) {}

  // Starts it. kInvalidArgument: what is wrong with the spec or a parameter.
  Result<Run> create(RunDraft draft, const std::string& actor);
  Result<Run> find(const std::string& id);  // kNotFound
  // An empty experiment: of all.
  Result<RunPage> list(const std::string& experiment, const ListQuery& query);
  Result<void> terminate(const std::string& id);  // kFailedPrecondition: it is over
  // What failed runs again. kFailedPrecondition: it isn't over, or nothing failed.
  Result<void> retry(const std::string& id, const std::string& actor);
  Result<void> set_archived(const std::string& id, bool archived);
  // It is terminated when it runs, and no longer told of.
  Result<void> remove(const std::string& id);

 private:
  // What was said of runs beside, by id, and of those that were started by their times.
  struct Said;
  Result<Said> read_said(const std::string& run = "");  // empty: of all
  // Nothing: it was removed.
  static std::optional<Run> with_said(RunState state, const Said& said,
                                      const std::string& default_experiment);
  Result<void> mark(const std::string& id, std::string_view column, bool value);

  store::Db& db_;
  PlanRunner& runner_;
  Plans& plans_;
  Catalog& catalog_;
  Experiments& experiments_;
  const base::Clock& clock_;
  base::Random& random_;
};

// Who starts runs of a recurring run, and what our schedule of it is called.
std::string schedule_of(const std::string& recurring_run);

}  // namespace slipway::kubeflow
