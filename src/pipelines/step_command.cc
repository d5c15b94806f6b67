// The part of StepRunner that makes the commands of steps.
#include <cstdlib>

#include "pipelines/kubernetes/job_spec.h"
#include "pipelines/step_runner.h"
#include "types/timestamp.h"

namespace slipway::pipelines {
namespace {

// How the steps have ended that it comes after, for a variable: of very many without the reasons.
std::string ends_of(const RunRecord& run, const PlannedStep& step) {
  constexpr std::size_t kBytesMax = 64 << 10;
  for (const bool with_reasons : {true, false}) {
    JsonObject ends;
    for (const std::size_t need : step.needs) {
      const StepRecord& before = run.steps[need];
      ends[before.name] = JsonObject{{"state", before.state},
                                     {"reason", with_reasons ? before.reason : std::string()}};
    }
    std::string text = base::to_text(ends);
    if (text.size() <= kBytesMax || !with_reasons) return text;
  }
  return {};
}

}  // namespace

Command StepRunner::command_for(const RunRecord& run, std::size_t position, const Plan& plan,
                                const std::filesystem::path& project) const {
  const StepRecord& step = run.steps[position];
  const StepDefinition& definition = plan.steps[run.planned(position)].definition;
  const char* path = std::getenv("PATH");
  const std::string job = job_name(run.id, step.name, step.started.value_or(run.created));
  std::map<std::string, std::string> environment = {
      {"SLIPWAY_URL", options_.url},
      {"MLFLOW_TRACKING_URI", options_.url},
      {"MLFLOW_REGISTRY_URI", options_.url},  // over one the server inherited
      // The mlflow client puts these on every run it starts.
      {"MLFLOW_RUN_CONTEXT", base::to_text(JsonObject{{"slipway.run_id", run.id},
                                                      {"slipway.pipeline", run.pipeline},
                                                      {"slipway.step", step.name}})},
      {"PYTHONUNBUFFERED", "1"},  // its log says what it does while it does it
      {"SLIPWAY_RUN_ID", run.id},
      {std::string(kProcessMark), job},
      {"SLIPWAY_PIPELINE", run.pipeline},
      {"SLIPWAY_STEP", step.name},
      {"SLIPWAY_TRY", fmt::format("{}", step.tries)},
      {"SLIPWAY_OUT", step.folder},
      {"SLIPWAY_NOW", types::to_rfc3339(run.now)},
      {"SLIPWAY_GIT_COMMIT",
       std::string(base::find_string(run.source, "commit").value_or(std::nullopt).value_or(""))},
      {"PATH", options_.path_prefix + (options_.path_prefix.empty() ? "" : ":") +
                   (path == nullptr ? "/usr/bin:/bin" : path)}};
  if (step.parent) {
    environment["SLIPWAY_ITEM"] = step.value;
    environment["SLIPWAY_ITEM_INDEX"] = fmt::format("{}", step.item);
    // The mlflow client goes on with this run instead of making one.
    if (!step.tracked_run.empty()) environment["MLFLOW_RUN_ID"] = step.tracked_run;
  }
  if (definition.always) {
    const RunEnd so_far = end_of(run.steps);
    environment["SLIPWAY_RUN_STATE"] = so_far.state;
    environment["SLIPWAY_RUN_REASON"] = so_far.reason;
    environment["SLIPWAY_NEEDS"] = ends_of(run, plan.steps[run.planned(position)]);
  }
  std::map<std::string, std::string> masked;
  for (const PlannedStep& other : plan.steps) {
    for (const std::string& secret : other.definition.secrets) masked[secret];
  }
  return {.text = step.command,
          .folder = project,
          .environment = std::move(environment),
          .masked = std::move(masked),
          .log = log_of(run.id, step.name),
          .timeout = definition.timeout,
          .resources = definition.resources,
          .kubernetes = definition.kubernetes,
          .names = {.pipeline = run.pipeline,
                    .run = run.id,
                    .step = step.name,
                    .job = job,
                    .server = step.server,
                    .step_try = step.tries}};
}

Result<Exit> StepRunner::run_with_secrets(Command command, const StepDefinition& definition,
                                          const std::function<Wish()>& wish) {
  for (const std::string& name : definition.secrets) command.secrets[name];
  TRY(secrets_.fill(command.secrets, command.masked));
  return executor_.run(command, wish);
}

}  // namespace slipway::pipelines
