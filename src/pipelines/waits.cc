// What Pipelines does with steps that wait: for a person, or for what comes.
#include <algorithm>

#include "base/log.h"
#include "pipelines/run_work.h"

namespace slipway::pipelines {

Result<std::vector<std::string>> Pipelines::busy_runs() {
  auto runs = TRY(table_.active());
  base::MutexLock lock(mutex_);
  std::erase_if(runs, [&](const std::string& id) REQUIRES(mutex_) {
    const auto known = waiting_.find(id);
    return known != waiting_.end() && known->second.rests && !waking_.contains(id);
  });
  return runs;
}

std::optional<base::Timestamp> Pipelines::next_wait() {
  base::MutexLock lock(mutex_);
  std::optional<base::Timestamp> next;
  for (const auto& [id, waiting] : waiting_) {
    if (!waiting.rests) continue;
    for (const auto& [definition, wait] : waiting.waits) {
      const base::Timestamp time = wait.due ? std::min(*wait.due, wait.until) : wait.until;
      next = next ? std::min(*next, time) : time;
    }
  }
  return next;
}

Result<void> Pipelines::tend(Waits which) {
  std::map<std::string, Waiting> waiting;
  {
    base::MutexLock lock(mutex_);
    waiting = waiting_;
  }
  const base::Timestamp now = event_clock_.now();
  for (const auto& [id, run] : waiting) {
    bool goes_on = false;
    for (const auto& [definition, wait] : run.waits) {
      goes_on = goes_on || now >= wait.until;
      if (goes_on || (which == Waits::kNews && !wait.file.empty())) continue;
      const auto come = has_come(definition, wait, now, db_, inputs_);
      goes_on = come && *come;
    }
    base::MutexLock lock(mutex_);
    if (goes_on && waiting_.contains(id)) touch(id);
  }
  return {};
}

void Pipelines::note_waits(const Work& work, const NextSteps& next) {
  Waiting waiting;
  for (const std::size_t position : next.watching) {
    const auto wait = Wait::from_json(work.run.steps[position].wait);
    if (wait) waiting.waits.emplace_back(*work.plan.steps[position].definition.wait_for, *wait);
  }
  base::MutexLock lock(mutex_);
  if (waiting.waits.empty() && next.nested.empty()) {
    waiting_.erase(work.run.id);
    return;
  }
  waiting.rests = work.in_flight.empty() && next.ready.empty() && !next.is_waiting && !next.wake &&
                  !touched_.contains(work.run.id);
  waiting_[work.run.id] = std::move(waiting);
}

Result<RunRecord> Pipelines::answer(const std::string& id, const std::string& step, bool approved,
                                    const std::string& actor, const std::string& reason) {
  TRY(table_.answer(id,
                    {.name = step,
                     .state = approved ? "succeeded" : "refused",
                     .reason = fmt::format("{} by {}{}{}", approved ? "approved" : "refused", actor,
                                           reason.empty() ? "" : ": ", reason),
                     .finished = wall_clock_.now()},
                    actor));
  {
    base::MutexLock lock(mutex_);
    touch(id);
  }
  return find_run(id);
}

Result<void> Pipelines::read_answers(Work& work) {
  const StoredRun stored = TRY(record_.find(work.run.id));
  for (std::size_t i = 0; i < work.run.steps.size(); ++i) {
    if (work.run.steps[i].state == "waiting") work.run.steps[i] = stored.record.steps[i];
  }
  return {};
}

Result<void> Pipelines::expire(Work& work, const std::vector<std::size_t>& positions) {
  for (const std::size_t position : positions) {
    TRY(end_waiting(work.run.id, {.name = work.run.steps[position].name,
                                  .state = "refused",
                                  .reason = "nobody answered in time",
                                  .finished = wall_clock_.now()}));
  }
  return read_answers(work);
}

Result<bool> Pipelines::look(Work& work, const std::vector<std::size_t>& positions,
                             std::optional<base::Timestamp>& wake) {
  const base::Timestamp now = event_clock_.now(), wall = wall_clock_.now();
  bool has_ended = false;
  for (const std::size_t position : positions) {
    StepRecord& step = work.run.steps[position];
    const WaitFor& definition = *work.plan.steps[position].definition.wait_for;
    const Wait wait = TRY(Wait::from_json(step.wait));
    const auto wake_at = [&](base::Timestamp time) { wake = wake ? std::min(*wake, time) : time; };
    // Who has many things to do looks for a file no more often for it.
    const auto looked = work.looked.find(position);
    const bool looks = wait.file.empty() || looked == work.looked.end() ||
                       wall - looked->second >= definition.poke_interval;
    Result<std::optional<std::string>> come = std::optional<std::string>();
    if (looks) {
      come = has_come(definition, wait, now, db_, inputs_);
      work.looked[position] = wall;
    }
    StepRecord ended{.name = step.name};
    if (!come && come.error().code == Code::kInvalidArgument) {
      ended.state = "failed";
      ended.reason = come.error().message;
    } else if (come && *come) {
      ended.state = "succeeded";
      ended.reason = **come;
    } else if (now >= wait.until) {
      ended.state = definition.soft_fail ? "skipped" : "failed";
      ended.reason = wait.what + " did not come in time";
      if (!come) ended.reason += ": " + come.error().message;
    } else {
      if (!come) {
        base::log_warning("pipelines", "a step can't see what it waits for: run={} step={} why={}",
                          work.run.id, step.name, come.error().message);
      }
      wake_at(wall + ((wait.due ? std::min(*wait.due, wait.until) : wait.until) - now));
      if (!wait.due) wake_at(work.looked[position] + definition.poke_interval);
      continue;
    }
    ended.finished = wall;
    TRY(end_waiting(work.run.id, ended));
    has_ended = true;
  }
  if (has_ended) TRY(read_answers(work));
  return has_ended;
}

Result<void> Pipelines::end_waiting(const std::string& run, const StepRecord& step) {
  Result<void> told = record_.answer(run, step, "system");
  // Somebody may have answered in this very moment; what is on record counts.
  if (!told && told.error().code == Code::kFailedPrecondition) return {};
  return told;
}

}  // namespace slipway::pipelines
