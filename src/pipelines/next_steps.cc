#include "pipelines/next_steps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "pipelines/search/search_runner.h"

namespace slipway::pipelines {
namespace {

// Ends `step` when it can't run any more. `lost` says of the steps before it whether they failed,
// or were skipped because something had failed.
void end_if_it_can_not_run(const PlannedStep& planned, const std::vector<StepRecord>& steps,
                           const std::vector<bool>& lost, StepRecord& step, bool cancelled,
                           base::Timestamp now) {
  const auto end = [&](std::string_view state, std::string reason) {
    step.state = state;
    step.reason = std::move(reason);
    if (step.started) step.finished = now;
  };
  if (planned.definition.always) return;
  if (cancelled) return end("cancelled", "cancelled");
  for (const std::size_t need : planned.needs) {
    const StepRecord& needed = steps[need];
    const bool is_let_pass = needed.state == "skipped" && !lost[need] &&
                             std::find(planned.may_be_skipped.begin(), planned.may_be_skipped.end(),
                                       need) != planned.may_be_skipped.end();
    if (needed.is_over() && !needed.is_good() && !is_let_pass)
      return end("skipped", "it needs " + needed.name + ": " + needed.state);
  }
}

void wake_at(NextSteps& next, base::Timestamp time) {
  next.wake = next.wake ? std::min(*next.wake, time) : time;
}

// Of a running step with `each` or `search`, whose items are at `items`; true: none is to come any
// more.
bool next_items(const StepDefinition& step, const std::vector<std::size_t>& items,
                std::vector<StepRecord>& steps, bool cancelled, base::Timestamp now,
                std::vector<std::size_t>& changed, NextSteps& next) {
  std::int64_t at_it = 0;
  for (const std::size_t item : items) at_it += steps[item].state == "running" ? 1 : 0;
  bool is_complete = at_it == 0;
  for (const std::size_t position : items) {
    StepRecord& item = steps[position];
    if (item.state != "pending") continue;
    if (cancelled && !step.always) {
      item.state = item.reason = "cancelled";
      changed.push_back(position);
      continue;
    }
    is_complete = false;
    if (item.not_before && *item.not_before > now) {
      wake_at(next, *item.not_before);
    } else if (at_it < step.parallel.value_or(std::numeric_limits<std::int64_t>::max())) {
      ++at_it;
      next.ready.push_back(position);
    }
  }
  return is_complete;
}

// Positions of items by that of their step.
std::vector<std::vector<std::size_t>> items_of_steps(const Plan& plan,
                                                     const std::vector<StepRecord>& steps) {
  std::vector<std::vector<std::size_t>> items(plan.steps.size());
  for (std::size_t i = plan.steps.size(); i < steps.size(); ++i)
    items[*steps[i].parent].push_back(i);
  return items;
}

}  // namespace

NextSteps next_steps(const Plan& plan, std::vector<StepRecord>& steps, bool cancelled,
                     base::Timestamp now, std::vector<std::size_t>& changed) {
  NextSteps next;
  const auto items = items_of_steps(plan, steps);
  std::vector<bool> lost(plan.steps.size());
  const auto is_lost = [&](std::size_t i) {
    const StepRecord& step = steps[i];
    if (step.state != "skipped") return step.is_over() && !step.is_good();
    const auto& needs = plan.steps[i].needs;
    return std::any_of(needs.begin(), needs.end(), [&](std::size_t need) { return lost[need]; });
  };
  // The plan has each step behind what it needs, so one pass ends a whole branch.
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    StepRecord& step = steps[i];
    lost[i] = is_lost(i);
    const StepDefinition& definition = plan.steps[i].definition;
    if (step.state == "running" && definition.has_items()) {
      const bool grows = definition.search && (!cancelled || definition.always) &&
                         trials_due(*definition.search, trials_at(steps, items[i])) > 0;
      if (grows) next.growing.push_back(i);
      if (next_items(definition, items[i], steps, cancelled, now, changed, next) && !grows)
        next.complete.push_back(i);
    }
    if (step.state == "running" && definition.nested) next.nested.push_back(i);
    if (step.state != "pending" && step.state != "waiting") continue;
    end_if_it_can_not_run(plan.steps[i], steps, lost, step, cancelled, now);
    lost[i] = is_lost(i);
    if (step.is_over()) {
      changed.push_back(i);
      continue;
    }
    if (step.state == "waiting" && definition.wait_for) {
      next.watching.push_back(i);
      continue;
    }
    if (step.state == "waiting") {
      next.is_waiting = true;
      const auto& timeout = definition.timeout;
      if (timeout && now - *step.started >= *timeout) {
        next.expired.push_back(i);
      } else if (timeout) {
        wake_at(next, *step.started + *timeout);
      }
      continue;
    }
    const bool has_what_it_needs =
        std::all_of(plan.steps[i].needs.begin(), plan.steps[i].needs.end(),
                    [&](std::size_t need) { return steps[need].is_over(); });
    if (!has_what_it_needs) continue;
    if (step.not_before && *step.not_before > now) {
      wake_at(next, *step.not_before);
    } else {
      next.ready.push_back(i);
    }
  }
  return next;
}

RunEnd end_of(const std::vector<StepRecord>& steps) {
  for (const std::string_view state : {"failed", "refused", "cancelled"}) {
    for (const StepRecord& step : steps) {
      if (step.parent || step.state != state) continue;
      return {
          .state = step.state,
          .reason = state == "cancelled" ? "" : fmt::format("step {}: {}", step.name, step.reason)};
    }
  }
  return {.state = "succeeded", .reason = ""};
}

base::Duration retry_delay(const Retry& retry, std::int64_t tries, double random) {
  const double full = std::min(static_cast<double>(retry.after.micros) *
                                   std::pow(retry.factor, static_cast<double>(tries - 1)),
                               static_cast<double>(retry.at_most.micros));
  return {static_cast<std::int64_t>(full * (0.5 + 0.5 * random))};
}

}  // namespace slipway::pipelines
