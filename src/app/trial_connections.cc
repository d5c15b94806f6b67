#include "app/trial_connections.h"

#include <algorithm>

namespace slipway::app {
namespace {

constexpr std::string_view kParentTag = "mlflow.parentRunId";

std::vector<tracking::KeyValue> pairs_of(const std::map<std::string, std::string>& map) {
  std::vector<tracking::KeyValue> pairs;
  for (const auto& [key, value] : map) pairs.push_back({key, value});
  return pairs;
}

tracking::RunStatus status_of(pipelines::TrialRuns::End end) {
  switch (end) {
    case pipelines::TrialRuns::End::kFinished:
      return tracking::RunStatus::kFinished;
    case pipelines::TrialRuns::End::kFailed:
      return tracking::RunStatus::kFailed;
    case pipelines::TrialRuns::End::kKilled:
      return tracking::RunStatus::kKilled;
  }
  return tracking::RunStatus::kFailed;
}

}  // namespace

Result<std::string> TrackedTrials::ensure_experiment(const std::string& name) {
  const auto find = [&] { return experiments_.get_by_name(name); };
  auto found = find();
  if (!found && found.error().code == Code::kNotFound) {
    const auto made = experiments_.create(name, "", {});
    if (made || made.error().code != Code::kAlreadyExists) return made;
    found = find();  // somebody else made it meanwhile
  }
  const tracking::Experiment experiment = TRY(std::move(found));
  if (experiment.stage == tracking::Stage::kDeleted)
    return base::error(Code::kFailedPrecondition,
                       "the experiment that trials are tracked in is deleted: experiment={} "
                       "(restore it, or name another under search.experiment)",
                       name);
  return experiment.id;
}

Result<std::optional<tracking::Run>> TrackedTrials::find(const std::string& id) {
  auto found = runs_.get(id);
  if (!found && found.error().code == Code::kNotFound) return std::optional<tracking::Run>();
  return std::optional(TRY(std::move(found)));
}

Result<void> TrackedTrials::begin(const pipelines::TrialRun& run) {
  if (!TRY(find(run.id))) {
    std::vector<tracking::KeyValue> tags = pairs_of(run.tags);
    if (!run.parent.empty()) tags.push_back({std::string(kParentTag), run.parent});
    TRY(runs_.create({.experiment_id = TRY(ensure_experiment(run.experiment)),
                      .user = {},
                      .name = run.name,
                      .start_ms = {},
                      .tags = std::move(tags),
                      .id = run.id}));
  }
  if (run.params.empty()) return {};
  return runs_.log_batch(run.id, {}, pairs_of(run.params), {});
}

Result<void> TrackedTrials::end(const std::string& id, End end, const std::string& metric,
                                std::optional<double> value,
                                const std::map<std::string, std::string>& tags) {
  const std::int64_t now_ms = clock_.now().millis();
  std::vector<tracking::Metric> metrics;
  if (value && TRY(this->metric(id, metric)) != value)
    metrics.push_back({.key = metric, .value = *value, .timestamp_ms = now_ms});
  TRY(runs_.log_batch(id, metrics, {}, pairs_of(tags)));
  TRY(runs_.update(id, {.status = status_of(end), .end_ms = now_ms, .name = {}}));
  return {};
}

Result<std::optional<double>> TrackedTrials::metric(const std::string& id,
                                                    const std::string& name) {
  if (const auto run = TRY(find(id)); run && run->stage == tracking::Stage::kActive) {
    for (const tracking::Metric& metric : run->metrics) {
      if (metric.key == name) return std::optional(metric.value);
    }
  }
  return std::optional<double>();
}

Result<std::vector<pipelines::Report>> TrackedTrials::reports(const std::string& id,
                                                              const std::string& name) {
  std::vector<pipelines::Report> reports;
  for (const tracking::Metric& metric : TRY(runs_.metric_history(id, name, 0, "")).items)
    reports.push_back({.step = metric.step, .value = metric.value});
  std::stable_sort(reports.begin(), reports.end(),
                   [](const auto& a, const auto& b) { return a.step < b.step; });
  return reports;
}

Result<bool> TrackedTrials::exists(const std::string& id) { return TRY(find(id)).has_value(); }

Result<void> TrackedTrials::discard(const std::string& id) {
  const Result<void> removed = runs_.remove(id);
  if (!removed && removed.error().code == Code::kNotFound) return {};
  return removed;
}

}  // namespace slipway::app
