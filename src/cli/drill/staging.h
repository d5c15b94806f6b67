// A server of its own for a drill: the endpoint's model and project, copied; production is only
// read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/drill/benign_drift.h"
#include "cli/drill/outage.h"
#include "cli/drill/project_copy.h"
#include "cli/drill/recovery.h"
#include "cli/replay.h"
#include "cli/scratch.h"

namespace slipway::cli {

struct StagingOptions {
  std::string endpoint;
  std::filesystem::path project;  // slipway.yaml
  base::Timestamp from, start;    // the clock begins; what breaks, breaks
  const std::atomic<bool>* stop;  // true: replays end with an error
  std::string python_models;      // the copy's setting; empty: its default
};

// What there was to see after a replay.
struct Observed {
  ReplayReport replay;
  std::string refused;    // why a model was not let through; empty: it was, or there was none
  JsonArray alerts;       // oldest first
  JsonArray windows;      // of the live variant, over all monitors of the endpoint, judged
  OutageSeen outage;      // of faults of the machine
  PipelineSeen pipeline;  // of faults of the pipeline
  // From the start on; empty: no action that changes what answers has taken place.
  std::vector<Answered> answered;
};

class Staging {
 public:
  // Fetches the models that `production` runs and ran, and declares the project to a new server.
  static Result<Staging> make(Client& production, const StagingOptions& options, const Tell& tell);
  ~Staging();
  Staging(Staging&&) noexcept;

  // Plays what came before the start, once: every play() goes on from there. What was answered.
  Result<AnswersById> warm_up(const Recording& recording, const Tell& tell);
  // Plays from the start to `until` on a copy of the warm server. `recording` has in it what the
  // fault changes there; its model takes charge at the start, its machine breaks at the dose's.
  Result<Observed> play(const Recording& recording, const Fault& fault, const Dose& dose,
                        base::Timestamp until, const Tell& tell);

  // What the endpoint is made of.
  struct Made {
    std::vector<LookedUp> looked_up;  // features, with the source they come from
    bool runs_python = false;         // its model
  };
  Result<Made> look();
  // What an alert may start; nothing: no action starts a pipeline.
  const std::optional<Retraining>& retraining() const;
  // A model that was in charge before; empty: there was none. One with damaged weights.
  const std::string& earlier_model() const;
  Result<std::string> damaged_model() const;
  // One that loads and says the opposite, and one for which the bar of a yes is another.
  // kFailedPrecondition: it can't be made of this one.
  Result<std::string> wrong_model() const;
  Result<std::string> moved_model() const;

 private:
  struct State;
  explicit Staging(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace slipway::cli
