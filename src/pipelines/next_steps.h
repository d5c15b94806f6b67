// The rules of a run: which steps may begin, which never will, and how it ends. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/timestamp.h"
#include "pipelines/plan.h"
#include "pipelines/run_record.h"

namespace slipway::pipelines {

struct NextSteps {
  std::vector<std::size_t> ready;       // may begin now, in the plan's order; items of a step at it
  std::optional<base::Timestamp> wake;  // when the next is tried again, or has waited too long
  bool is_waiting = false;              // for a person
  std::vector<std::size_t> expired;     // have waited for a person too long
  std::vector<std::size_t> watching;    // wait for something
  std::vector<std::size_t> nested;      // are runs of other pipelines
  std::vector<std::size_t> growing;     // steps with `search` that have trials to propose
  std::vector<std::size_t> complete;    // steps of which no item or trial is to come any more
};

// Ends the steps that can't run any more ("skipped": one it needs did not succeed; "cancelled")
// and returns those that can. `changed` gets the positions of the ended ones. A step with `always`
// waits until all it needs is over, however it ended, and runs in a cancelled run, too. A step with
// `each` or `search` is ready once, to become its items; then it is running until it is complete
// and somebody ends it.
NextSteps next_steps(const Plan& plan, std::vector<StepRecord>& steps, bool cancelled,
                     base::Timestamp now, std::vector<std::size_t>& changed);

struct RunEnd {
  std::string state;   // succeeded | refused | failed | cancelled
  std::string reason;  // names the step that decided; empty when all went well
};

// Of the steps, not their items, that are over by now: a failed step decides before a refused one,
// that before a cancelled one; among equals the first.
RunEnd end_of(const std::vector<StepRecord>& steps);

// How long to wait after try number `tries` failed: `after` times factor^(tries-1), `at_most`,
// of it between a half and all as `random` in [0, 1) says ("equal jitter": Brooker, Exponential
// backoff and jitter, 2015).
base::Duration retry_delay(const Retry& retry, std::int64_t tries, double random);

}  // namespace slipway::pipelines
