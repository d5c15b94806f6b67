// What Pipelines does with steps that are runs of other pipelines.
#include <algorithm>

#include "pipelines/run_work.h"

namespace slipway::pipelines {

Result<void> Pipelines::begin_nested(Work& work, std::size_t position) {
  StepRecord& step = work.run.steps[position];
  const Nested& nested = *work.plan.steps[position].definition.nested;
  const auto begun = [&]() -> Result<std::string> {
    const auto params = TRY(runner_->nested_params(work.run, nested, work.plan));
    if (!step.nested_run.empty()) {
      const auto before = record_.summary(step.nested_run);
      if (!before && before.error().code != Code::kNotFound) return before.error();
      if (before && !before->is_over()) return step.nested_run;  // somebody has tried it again
      if (before && before->state == "succeeded" && before->outputs == "kept")
        return step.nested_run;
      // What came before it may say something else now.
      const bool is_same =
          before && std::all_of(params.begin(), params.end(), [&](const auto& one) {
            const auto given = before->params.find(one.first);
            return given != before->params.end() && given->second == one.second;
          });
      if (is_same && before->state != "succeeded")
        return TRY(try_again(step.nested_run, work.run.actor)).id;
    }
    // The same after a crash before it was on record.
    const std::string id = fmt::format("step:{}:{}:{}", work.run.id, step.name, step.nested_run);
    return TRY(start_run(nested.pipeline, params,
                         {.id = id,
                          .actor = work.run.actor,
                          .priority = work.run.priority,
                          .no_cache = work.run.no_cache,
                          .parent_run = work.run.id,
                          .parent_step = step.name}))
        .id;
  }();
  if (begun) {
    step.nested_run = *begun;
    step.reason = fmt::format("run {} of {}", step.nested_run, nested.pipeline);
    return {};
  }
  if (begun.error().code == Code::kUnavailable) {  // the database is away
    step.state = "pending";
    step.reason = begun.error().message;
    step.started.reset();
    step.not_before = wall_clock_.now() + kAwayPause;
    --step.tries;
    return {};
  }
  step.state = "failed";
  step.reason = fmt::format("{} can't run: {}", nested.pipeline, begun.error().message);
  step.finished = wall_clock_.now();
  return {};
}

Result<bool> Pipelines::follow_nested(Work& work, const std::vector<std::size_t>& positions,
                                      std::optional<base::Timestamp>& wake) {
  bool has_ended = false;
  for (const std::size_t position : positions) {
    const StepRecord& step = work.run.steps[position];
    const StepDefinition& definition = work.plan.steps[position].definition;
    const auto late_at = definition.timeout ? std::optional(*step.started + *definition.timeout)
                                            : std::optional<base::Timestamp>();
    const bool is_late = late_at && wall_clock_.now() >= *late_at;
    const RunRecord nested = TRY(record_.summary(step.nested_run));
    if (nested.is_over()) {
      TRY(end_as(work, position, nested, is_late));
      has_ended = true;
    } else if (is_late || (is_cancelled(work.run.id) && !definition.always)) {
      if (nested.is_cancelled) continue;  // its steps with `always` may still run
      const auto asked = cancel(nested.id);
      if (!asked && asked.error().code == Code::kUnavailable) {
        const base::Timestamp soon = wall_clock_.now() + kAwayPause;
        wake = wake ? std::min(*wake, soon) : soon;
      } else if (!asked && asked.error().code != Code::kFailedPrecondition) {
        return asked.error();
      }
    } else if (late_at) {
      wake = wake ? std::min(*wake, *late_at) : late_at;
    }
  }
  return has_ended;
}

Result<void> Pipelines::end_as(Work& work, std::size_t position, const RunRecord& nested,
                               bool is_late) {
  StepRecord& step = work.run.steps[position];
  const StepDefinition& definition = work.plan.steps[position].definition;
  step.finished = wall_clock_.now();
  step.state = nested.state;
  step.reason = fmt::format("run {} of {}", nested.id, nested.pipeline);
  if (nested.state == "succeeded") {
    const RunRecord whole = TRY(record_.find(nested.id)).record;
    if (const auto taken = runner_->gather_nested(work.run, position, whole, step); !taken) {
      step.state = "failed";
      step.reason += ": " + taken.error().message;
    }
  } else if (nested.state == "cancelled" && is_late) {
    step.state = "failed";
    step.reason += " took longer than its timeout";
  } else {
    step.reason +=
        fmt::format(" {}{}{}", nested.state, nested.reason.empty() ? "" : ": ", nested.reason);
  }
  if (step.state == "failed") runner_->try_later(step, definition);
  work.settled.erase(position);
  work.unsaved.push_back(position);
  return {};
}

Result<void> Pipelines::save_end(const RunRecord& run) {
  if (run.parent_run.empty()) return record_.save_state(run);
  {
    base::MutexLock lock(mutex_);
    waking_.insert(run.parent_run);
  }
  const Result<void> saved = record_.save_state(run);
  base::MutexLock lock(mutex_);
  touch(run.parent_run);
  waking_.erase(waking_.find(run.parent_run));
  return saved;
}

}  // namespace slipway::pipelines
