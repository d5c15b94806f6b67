// What Pipelines does with steps that run: here, on other servers or in a cluster.
#include "pipelines/run_work.h"

namespace slipway::pipelines {

void Pipelines::set_other_servers(const std::vector<OtherServer>& others) {
  base::MutexLock lock(mutex_);
  places_.set_others(others);
  hand_out();
}

Place Pipelines::place_of(const Work& work, std::size_t position) {
  const StepDefinition& definition = work.plan.steps[work.run.planned(position)].definition;
  return {.position = position,
          .step = work.run.steps[position].name,
          .pool = definition.pool,
          .slots = definition.slots,
          .resources = definition.resources,
          .is_job = definition.kubernetes.has_value()};
}

void Pipelines::follow(Work& work, const std::vector<std::size_t>& positions) {
  {
    base::MutexLock lock(mutex_);
    for (const std::size_t position : positions) {
      Place place = place_of(work, position);
      place.server = work.run.steps[position].server;
      places_.occupy(work.run.id, std::move(place));
    }
  }
  launch(work, positions, Launch::kFollow);
}

void Pipelines::launch(Work& work, const std::vector<std::size_t>& positions, Launch how) {
  for (const std::size_t position : positions) {
    Command command = runner_->command_for(work.run, position, work.plan, work.project);
    command.is_followed = how == Launch::kFollow;
    work.in_flight.emplace(
        position,
        [this, &work, position, step = work.run.steps[position],
         &definition = work.plan.steps[work.run.planned(position)].definition,
         command = std::move(command), trial = runner_->trial_of(work.run, position, work.plan)] {
          const auto cancelled = [&] { return !definition.always && is_cancelled(work.run.id); };
          const auto wish = [&] {
            return is_stopping() ? Wish::kLeave : cancelled() ? Wish::kEnd : Wish::kGoOn;
          };
          std::optional<StepRecord> ended = step;
          try {
            ended = runner_->run(command, step, definition, trial, wish, cancelled);
          } catch (const std::exception& e) {  // the net at the entry of a thread
            ended->state = "failed";
            ended->reason = fmt::format("unexpected: {}", e.what());
            ended->finished = wall_clock_.now();
          }
          base::MutexLock lock(mutex_);
          work.ended.emplace_back(position, std::move(ended));
          places_.give_back(work.run.id, position);
          hand_out();
          changed_.notify_all();
        });
  }
}

void Pipelines::wait_for_change(Work& work, std::optional<base::Timestamp> wake) {
  const SteadyTime until = wake ? steady(*wake, wall_clock_.now()) : SteadyTime::max();
  std::vector<std::pair<std::size_t, std::optional<StepRecord>>> ended;
  {
    base::MutexLock lock(mutex_);
    const auto is_changed = [&]() REQUIRES(mutex_) {
      return !work.ended.empty() || touched_.contains(work.run.id);
    };
    while (!is_changed() && std::chrono::steady_clock::now() < until)
      changed_.wait_until(mutex_, until);
    ended.swap(work.ended);
    touched_.erase(work.run.id);
  }
  for (auto& [position, step] : ended) {
    work.in_flight.extract(position).mapped().join();
    if (!step) continue;  // interrupted: it stays a running one
    work.run.steps[position] = std::move(*step);
    work.unsaved.push_back(position);
  }
}

}  // namespace slipway::pipelines
