#include "app/kubeflow_connections.h"

#include <fstream>
#include <limits>

#include "versions/content.h"

namespace slipway::app {
namespace {

constexpr std::streamoff kTailBytes = 4096;  // of a log, in which its last line is looked for
constexpr std::size_t kLineMax = 500;

kubeflow::RunState state_of(const pipelines::RunRecord& run) {
  kubeflow::RunState state{.id = run.id,
                           .plan = run.pipeline,
                           .reason = run.reason,
                           .actor = run.actor,
                           .state = run.state,
                           .created = run.created,
                           .finished = run.finished,
                           .parameters = run.params,
                           .is_cancelled = run.is_cancelled};
  for (const pipelines::StepRecord& step : run.steps) {
    state.steps.push_back({.name = step.name,
                           .state = step.state,
                           .reason = step.reason,
                           .folder = step.folder,
                           .started = step.started,
                           .finished = step.finished,
                           .parent = step.parent});
  }
  return state;
}

}  // namespace

Result<void> PipelinesAsPlanRunner::declare(const std::string& plan, const std::string& text,
                                            const std::filesystem::path& project,
                                            const std::string& actor) {
  auto definition = pipelines::parse_pipeline(plan, text);
  if (!definition) return std::move(definition).error().with_context("the compiled pipeline");
  TRY(pipelines_.apply({{.definition = std::move(*definition), .text = text}}, project, actor));
  return {};
}

Result<kubeflow::RunState> PipelinesAsPlanRunner::start(
    const std::string& plan, const std::map<std::string, std::string>& parameters,
    const std::string& trigger_id, const std::string& actor) {
  return state_of(TRY(pipelines_.start_run(plan, parameters, {.id = trigger_id, .actor = actor})));
}

Result<kubeflow::RunState> PipelinesAsPlanRunner::find(const std::string& run) {
  return state_of(TRY(pipelines_.find_run(run)));
}

Result<std::vector<kubeflow::RunState>> PipelinesAsPlanRunner::all() {
  constexpr auto kAll = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  std::vector<kubeflow::RunState> states;
  for (const pipelines::RunRecord& run : TRY(pipelines_.runs({.limit = kAll}))) {
    if (run.pipeline.find('@') != std::string::npos) states.push_back(state_of(run));
  }
  return states;
}

Result<void> PipelinesAsPlanRunner::cancel(const std::string& run) {
  TRY(pipelines_.cancel(run));
  return {};
}

Result<void> PipelinesAsPlanRunner::try_again(const std::string& run, const std::string& actor) {
  TRY(pipelines_.try_again(run, actor));
  return {};
}

std::string PipelinesAsPlanRunner::last_line(const std::string& run, const std::string& step) {
  const auto file = pipelines_.log(run, step);
  if (!file) return {};
  std::ifstream log(*file, std::ios::binary | std::ios::ate);
  const std::streamoff bytes = log.tellg();
  if (!log || bytes <= 0) return {};
  const std::streamoff tail = std::min(bytes, kTailBytes);
  std::string text(static_cast<std::size_t>(tail), '\0');
  log.seekg(-tail, std::ios::end);
  log.read(text.data(), tail);
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) return {};
  text.resize(last + 1);
  text.erase(0, text.find_last_of('\n') + 1);
  if (text.size() > kLineMax) text.resize(kLineMax);
  return versions::shown_name(text, versions::For::kJson);  // clients read UTF-8 alone
}

Result<void> SchedulesOfPlans::add(const std::string& schedule, const std::string& plan,
                                   const std::map<std::string, std::string>& parameters,
                                   const kubeflow::DueTimes& due, bool enabled,
                                   const std::string& actor) {
  pipelines::ScheduleDefinition definition{.name = schedule,
                                           .pipeline = plan,
                                           .cron = due.cron,
                                           .every = due.every,
                                           .start = due.start,
                                           .end = due.end,
                                           .params = parameters,
                                           .catch_up = due.catch_up,
                                           .overlap = pipelines::Overlap::kQueue,
                                           .parallel = due.parallel_max};
  // As a project's would be read, with what is wrong with its times.
  TRY(pipelines::parse_schedule(schedule, base::to_text(definition.to_json())));
  return schedules_.add(definition, !enabled, actor);
}

Result<void> SchedulesOfPlans::set_enabled(const std::string& schedule, bool enabled,
                                           const std::string& actor) {
  TRY(schedules_.set_paused(schedule, !enabled, actor));
  return {};
}

Result<void> SchedulesOfPlans::remove(const std::string& schedule, const std::string& actor) {
  return schedules_.remove(schedule, actor);
}

}  // namespace slipway::app
