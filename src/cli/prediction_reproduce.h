// Asks a model again what a logged request asked it, and compares the answers.
#pragma once

#include <string>

#include "cli/logged_request.h"
#include "cli/run_reproduce.h"

namespace slipway::cli {

// Makes the run again that a registered version (as MLflow's API tells of it) came from.
// kFailedPrecondition: it came from none that is known.
Result<Json> reproduce_model_run(Client& client, const Context& context, const Json& version,
                                 const ReproduceOptions& options);

struct PredictionOptions {
  std::string endpoint, request;
  ModelRuntimes runtimes;
  bool retrain = false;  // ask also the model that comes of running its training again
  ReproduceOptions how;
};

// {"request","endpoint","model","scored":[{"by","files","outputs":[...]}],"training","verdict",
// "equal"}. kNotFound: no such request. kFailedPrecondition: it has no answer, or its inputs are
// not in the log, with what is missing.
Result<Json> reproduce_prediction(Client& client, const Context& context,
                                  const PredictionOptions& options);

std::string prediction_reproduction_text(const Json& report);

}  // namespace slipway::cli
