// A run and its steps as they are known: what is stored and what is told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "pipelines/executor.h"

namespace slipway::pipelines {

// A try that another one came after.
struct EarlierTry {
  base::Timestamp started, finished;
  std::optional<std::int64_t> exit_code;
  std::string reason;
};

struct StepRecord {
  std::string name;
  // pending | running | waiting (for a person or something) | succeeded | cached | refused | failed
  // | skipped | cancelled | stopped (early, of a trial)
  std::string state = "pending";
  std::string command, cache_key, reason, folder;
  std::optional<std::int64_t> exit_code;
  JsonObject key_document;  // all that went into the key
  JsonObject manifest;      // file -> SHA-256, of the outputs
  std::string manifest_digest;
  std::int64_t tries = 0;                     // that were begun
  std::optional<base::Timestamp> not_before;  // of a pending step: when it is tried again
  std::optional<base::Timestamp> started, finished;
  std::vector<EarlierTry> earlier_tries;  // oldest first
  std::vector<std::string> needs;         // steps that it comes after; only where a run is told
  // Of an item of a step with `each`, or a trial of one with `search`: the step's position, which
  // of its items, and the item as JSON. Of a step with `search`: what it says, as JSON.
  std::optional<std::size_t> parent;
  std::size_t item = 0;
  std::string value;
  JsonObject wait;     // of a step with `wait_for` that began: what it has on record (wait_for.h)
  std::string server;  // that ran its last try (ServerRecord::id), where servers share steps
  std::string job;     // that runs it, or its last try, in a cluster; only where a run is told
  std::string nested_run;  // id; of a step with `pipeline` that began
  // Of a search and its trials.
  std::string tracked_run;  // id
  std::optional<double>
      score;    // of a trial that came to its end or was stopped; of a search, the best
  Usage usage;  // of the last try
  std::int64_t reached = 0;  // of a trial that was stopped early: the step of its last report

  // The step, of another run, whose outputs this one was answered with.
  struct Origin {
    std::string run, step;
  };
  std::optional<Origin> origin() const;  // nothing: it wasn't

  bool is_good() const { return state == "succeeded" || state == "cached"; }
  bool is_over() const { return state != "pending" && state != "running" && state != "waiting"; }
  JsonObject summary() const;  // how it went, without what went into it
  JsonObject to_json() const;
};

// queued -> running -> succeeded | refused (a step exited with 3: a gate said no) | failed |
// cancelled; and to queued again when what did not succeed is tried again.
struct RunRecord {
  std::string id, pipeline, state, reason, actor;
  std::map<std::string, std::string> params;
  std::int64_t priority = 0;
  bool is_cancelled = false;  // somebody asked for its end
  bool no_cache = false;      // every step runs; what it makes is kept for other runs
  JsonObject source;          // {"commit","dirty"} of the project, when it is a git checkout
  base::Timestamp now;        // of the event clock when it was asked for: what `{now}` means
  base::Timestamp created;
  std::optional<base::Timestamp> finished;
  std::string parent_run, parent_step;  // of a run that is a step of another one
  std::string outputs = "kept";  // | leaving | removing | gone: what it wrote (old_outputs.h)
  // Those of the plan, in its order; behind them items as they have become known, those of one step
  // in order.
  std::vector<StepRecord> steps;

  bool is_over() const { return state != "queued" && state != "running"; }
  // Where the plan has the step, or that of the item, at `position`.
  std::size_t planned(std::size_t position) const {
    return steps[position].parent.value_or(position);
  }
  std::vector<std::size_t> items(std::size_t step) const;  // positions
  // Of a search: the position of the trial that is the best so far, of equals the first.
  std::optional<std::size_t> best_trial(std::size_t step) const;
  JsonObject summary() const;  // without its steps
  JsonObject to_json() const;  // items below their steps
};

}  // namespace slipway::pipelines
