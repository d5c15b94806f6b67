// What befalls the pipeline that an alert starts: it never ends, or somebody starts it a second
// time while it runs.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/timestamp.h"
#include "cli/client.h"
#include "cli/drill/faults.h"

namespace slipway::cli {

// What an action of a monitor starts, as it is declared.
struct Retraining {
  std::string pipeline, step;             // its first command
  std::optional<base::Duration> timeout;  // of that step
};

struct PipelineSeen {
  bool has_started = false;  // an alert started it
  // Who noticed: "the timeout of train", "the pool of train"; empty: nobody.
  std::string by;
  base::Duration after;  // the start of the run
};

// Watches a replay. `context` and `retraining` must outlive it.
class PipelineTrouble {
 public:
  PipelineTrouble(const Context& context, PipelineFault fault, const Retraining& retraining)
      : context_(context), fault_(fault), retraining_(retraining) {}

  // Called again and again while the event clock waits for runs: starts the second one, and cancels
  // what hangs, or the clock would stand still for good.
  Result<void> at_wait();
  Result<PipelineSeen> end();

 private:
  Result<JsonArray> runs() const;  // of the pipeline, with their steps

  const Context& context_;
  const PipelineFault fault_;
  const Retraining& retraining_;
  std::optional<std::chrono::steady_clock::time_point> waits_since_;
  bool hangs_ = false;          // it has run longer than any does that ends by itself
  std::string watched_;         // the run that is waited for
  std::string first_, second_;  // the run that a second one was started beside, and that one
  std::string refused_why_;     // that it was not
};

}  // namespace slipway::cli
