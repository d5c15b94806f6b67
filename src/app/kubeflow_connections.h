// kubeflow has its plans run and started by pipelines; its room, as it is wired.
#pragma once

#include "api/kubeflow/kubeflow_routes.h"
#include "kubeflow/ports.h"
#include "pipelines/pipelines.h"
#include "pipelines/schedules.h"

namespace slipway::app {

class PipelinesAsPlanRunner final : public kubeflow::PlanRunner {
 public:
  explicit PipelinesAsPlanRunner(pipelines::Pipelines& pipelines) : pipelines_(pipelines) {}
  Result<void> declare(const std::string& plan, const std::string& text,
                       const std::filesystem::path& project, const std::string& actor) override;
  Result<kubeflow::RunState> start(const std::string& plan,
                                   const std::map<std::string, std::string>& parameters,
                                   const std::string& trigger_id,
                                   const std::string& actor) override;
  Result<kubeflow::RunState> find(const std::string& run) override;
  Result<std::vector<kubeflow::RunState>> all() override;
  Result<void> cancel(const std::string& run) override;
  Result<void> try_again(const std::string& run, const std::string& actor) override;
  std::string last_line(const std::string& run, const std::string& step) override;

 private:
  pipelines::Pipelines& pipelines_;
};

class SchedulesOfPlans final : public kubeflow::PlanSchedules {
 public:
  explicit SchedulesOfPlans(pipelines::Schedules& schedules) : schedules_(schedules) {}
  Result<void> add(const std::string& schedule, const std::string& plan,
                   const std::map<std::string, std::string>& parameters,
                   const kubeflow::DueTimes& due, bool enabled, const std::string& actor) override;
  Result<void> set_enabled(const std::string& schedule, bool enabled,
                           const std::string& actor) override;
  Result<void> remove(const std::string& schedule, const std::string& actor) override;

 private:
  pipelines::Schedules& schedules_;
};

// What is given must outlive it. `folder` gets the files of plans.
struct Kubeflow {
  Kubeflow(store::Db& db, pipelines::Pipelines& pipelines, pipelines::Schedules& schedules,
           const base::Clock& clock, base::Random& random, std::filesystem::path folder,
           kubeflow::Where where)
      : runner(pipelines),
        plan_schedules(schedules),
        experiments(db, clock, random),
        plans(db, runner, std::move(folder), where),
        catalog(db, plans, clock, random),
        runs(db, runner, plans, catalog, experiments, clock, random),
        recurring_runs(db, plan_schedules, plans, catalog, experiments, clock, random) {}

  api::kubeflow::Services services(std::uint64_t package_bytes_max) {
    return {experiments, catalog, plans, runs, recurring_runs, runner, package_bytes_max};
  }

  PipelinesAsPlanRunner runner;
  SchedulesOfPlans plan_schedules;
  kubeflow::Experiments experiments;
  kubeflow::Plans plans;
  kubeflow::Catalog catalog;
  kubeflow::Runs runs;
  kubeflow::RecurringRuns recurring_runs;
};

}  // namespace slipway::app
