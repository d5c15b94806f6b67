#include "kubeflow/runs.h"

#include <fmt/format.h>

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::kubeflow {
namespace {

constexpr std::string_view kScheduleFront = "kubeflow-";
constexpr std::string_view kActorFront = "schedule:kubeflow-";  // as schedules call themselves

const std::vector<std::string>& run_fields() {
  static const std::vector<std::string> fields = {
      "run_id",          "id",           "display_name", "name",   "description",   "created_at",
      "finished_at",     "scheduled_at", "state",        "status", "storage_state", "experiment_id",
      "recurring_run_id"};
  return fields;
}

Listed listed(const Run& run) {
  const Json created(run.state.created.micros);
  return {.id = run.state.id,
          .fields = {{"run_id", run.state.id},
                     {"id", run.state.id},
                     {"display_name", run.name},
                     {"name", run.name},
                     {"description", run.description},
                     {"created_at", created},
                     {"scheduled_at", created},
                     {"finished_at", run.state.finished ? run.state.finished->micros : 0},
                     {"state", run.state_name()},
                     {"status", run.state_name()},
                     {"storage_state", run.is_archived ? "ARCHIVED" : "AVAILABLE"},
                     {"experiment_id", run.experiment},
                     {"recurring_run_id", run.recurring_run}}};
}

Error no_run(std::string_view id) { return base::error(Code::kNotFound, "Run {} not found.", id); }

}  // namespace

std::string schedule_of(const std::string& recurring_run) {
  return std::string(kScheduleFront) + recurring_run;
}

Result<Plan> find_plan(Target& target, Plans& plans, Catalog& catalog, const std::string& actor) {
  if (target.spec) return plans.keep(*target.spec, actor);
  if (target.pipeline.empty() && target.version.empty())
    return base::error(Code::kInvalidArgument,
                       "a run needs a pipeline_spec or a pipeline_version_reference");
  if (target.version.empty()) {
    const auto versions = TRY(catalog.versions(target.pipeline));
    if (versions.empty())
      return base::error(Code::kFailedPrecondition, "the pipeline has no version: pipeline={}",
                         target.pipeline);
    target.version = versions.front().id;
  }
  const Version version = TRY(catalog.find_version(target.pipeline, target.version));
  target.pipeline = version.pipeline;
  return plans.find(version.plan);
}

Result<std::map<std::string, std::string>> parameters_of(const CompiledPipeline& pipeline,
                                                         const JsonObject& config) {
  const Json* const given = config.if_contains("parameters");
  if (given == nullptr || given->is_null()) return plan_parameters(pipeline, {});
  if (!given->is_object())
    return base::error(Code::kInvalidArgument, "runtime_config.parameters must be a mapping");
  return plan_parameters(pipeline, given->get_object());
}

std::string_view Run::state_name() const {
  if (!state.is_over() && state.is_cancelled) return "CANCELING";
  if (state.state == "queued") return "PENDING";
  if (state.state == "running") return "RUNNING";
  if (state.state == "succeeded") return "SUCCEEDED";
  return state.state == "cancelled" ? "CANCELED" : "FAILED";
}

std::string_view state_name_of(const StepState& step) {
  if (step.state == "pending") return "PENDING";
  if (step.state == "running" || step.state == "waiting") return "RUNNING";
  if (step.state == "succeeded") return "SUCCEEDED";
  if (step.state == "cached" || step.state == "skipped") return "SKIPPED";
  return step.state == "cancelled" ? "CANCELED" : "FAILED";
}

struct Runs::Said {
  struct Beside {
    Run run;
    bool is_deleted = false;
  };
  std::map<std::string, Beside> runs;    // by id
  std::map<std::string, Run> recurring;  // what runs of each are
};

Result<Runs::Said> Runs::read_said(const std::string& only) {
  Said said;
  Result<void> intact;
  const auto config_of = [&](std::string_view text) {
    auto config = base::parse_json_object(text);
    if (!config) intact = std::move(config).error().with_context("a stored runtime_config");
    return config ? std::move(*config) : JsonObject();
  };
  TRY(db_.read([&](store::Reader& reader) -> Result<void> {
    TRY(reader.query(
        "SELECT id, experiment, name, description, pipeline, version, config, service_account, "
        "archived, deleted FROM kubeflow_runs WHERE ? = '' OR id = ?",
        {only, only}, [&](const store::Row& row) {
          Said::Beside& beside = said.runs[row.string(0)];
          beside.run.experiment = row.string(1);
          beside.run.name = row.string(2);
          beside.run.description = row.string(3);
          beside.run.pipeline = row.string(4);
          beside.run.version = row.string(5);
          beside.run.config = config_of(row.text(6));
          beside.run.service_account = row.string(7);
          beside.run.is_archived = row.int64(8) != 0;
          beside.is_deleted = row.int64(9) != 0;
        }));
    return reader.query(
        "SELECT id, experiment, name, pipeline, version, config, service_account FROM "
        "kubeflow_recurring_runs",
        {}, [&](const store::Row& row) {
          Run& run = said.recurring[row.string(0)];
          run.recurring_run = row.string(0);
          run.experiment = row.string(1);
          run.name = row.string(2);
          run.pipeline = row.string(3);
          run.version = row.string(4);
          run.config = config_of(row.text(5));
          run.service_account = row.string(6);
        });
  }));
  TRY(std::move(intact));
  return said;
}

std::optional<Run> Runs::with_said(RunState state, const Said& said,
                                   const std::string& default_experiment) {
  Run run;
  const auto beside = said.runs.find(state.id);
  if (beside != said.runs.end() && beside->second.is_deleted) return std::nullopt;
  if (state.actor.starts_with(kActorFront)) {
    const auto recurring = said.recurring.find(state.actor.substr(kActorFront.size()));
    if (recurring != said.recurring.end()) {
      run = recurring->second;
      run.name += " " + types::to_rfc3339(state.created);
    }
  }
  if (beside != said.runs.end() && run.recurring_run.empty()) {
    run = beside->second.run;
  } else if (beside != said.runs.end()) {
    run.is_archived = beside->second.run.is_archived;
  }
  if (run.name.empty()) run.name = state.plan;  // started by others
  if (run.experiment.empty()) run.experiment = default_experiment;
  run.state = std::move(state);
  return run;
}

Result<Run> Runs::create(RunDraft draft, const std::string& actor) {
  if (draft.experiment.empty()) draft.experiment = TRY(experiments_.default_one()).id;
  const Experiment experiment = TRY(experiments_.find(draft.experiment));
  if (experiment.is_archived)
    return base::error(Code::kInvalidArgument, "the experiment is archived: experiment={}",
                       experiment.id);
  const Plan plan = TRY(find_plan(draft.target, plans_, catalog_, actor));
  const auto parameters = TRY(parameters_of(plan.compiled, draft.target.config));
  if (draft.name.empty()) draft.name = plan.pipeline_name();
  const RunState started =
      TRY(runner_.start(plan.name, parameters, "kubeflow:" + new_id(random_), actor));
  const std::string config = base::to_text(draft.target.config);
  const base::Timestamp now = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO kubeflow_runs(id, experiment, name, description, pipeline, version, "
        "config, service_account) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        {started.id, draft.experiment, draft.name, draft.description,
         draft.target.spec ? std::string() : draft.target.pipeline,
         draft.target.spec ? std::string() : draft.target.version, config, draft.service_account}));
    TRY(tx.execute("UPDATE kubeflow_experiments SET last_run_at = ? WHERE id = ?",
                   {now, draft.experiment}));
    return {};
  }));
  return find(started.id);
}

Result<Run> Runs::find(const std::string& id) {
  auto state = runner_.find(id);
  if (!state && state.error().code == Code::kNotFound) return no_run(id);
  if (!state) return std::move(state).error();
  if (state->plan.find('@') == std::string::npos) return no_run(id);
  const Said said = TRY(read_said(id));
  auto run = with_said(std::move(*state), said, TRY(experiments_.default_one()).id);
  if (!run) return no_run(id);
  return std::move(*run);
}

Result<RunPage> Runs::list(const std::string& experiment, const ListQuery& query) {
  const Said said = TRY(read_said());
  const std::string default_experiment = TRY(experiments_.default_one()).id;
  std::vector<Run> runs;
  std::vector<Listed> things;
  for (RunState& state : TRY(runner_.all())) {
    auto run = with_said(std::move(state), said, default_experiment);
    if (!run || (!experiment.empty() && run->experiment != experiment)) continue;
    things.push_back(listed(*run));
    runs.push_back(std::move(*run));
  }
  ListPage page = TRY(select(things, run_fields(), query));
  RunPage told{.next_page_token = std::move(page.next_page_token), .total = page.total};
  for (const std::size_t position : page.positions) told.runs.push_back(std::move(runs[position]));
  return told;
}

Result<void> Runs::mark(const std::string& id, std::string_view column, bool value) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO kubeflow_runs(id, experiment, name, description, pipeline, version, "
        "config, service_account) VALUES(?, '', '', '', '', '', '{}', '') ON "
        "CONFLICT(workspace, id) DO NOTHING",
        {id}));
    TRY(tx.execute(fmt::format("UPDATE kubeflow_runs SET {} = ? WHERE id = ?", column),
                   {value, id}));
    return tx.append_event({.kind = fmt::format("kubeflow.run.{}{}", value ? "" : "not_", column),
                            .subject = "kubeflow/runs/" + id});
  });
}

Result<void> Runs::terminate(const std::string& id) {
  TRY(find(id));
  return runner_.cancel(id);
}

Result<void> Runs::retry(const std::string& id, const std::string& actor) {
  TRY(find(id));
  return runner_.try_again(id, actor);
}

Result<void> Runs::set_archived(const std::string& id, bool archived) {
  TRY(find(id));
  return mark(id, "archived", archived);
}

Result<void> Runs::remove(const std::string& id) {
  const Result<void> ended = terminate(id);
  if (!ended && ended.error().code != Code::kFailedPrecondition) return ended.error();
  return mark(id, "deleted", true);
}

}  // namespace slipway::kubeflow
