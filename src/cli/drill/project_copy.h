// slipway.yaml as a staging server gets it: one endpoint with a model from a file, and its
// monitors.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/timestamp.h"
#include "cli/drill/faults.h"
#include "cli/drill/pipeline_trouble.h"

namespace slipway::cli {

// Brings the model of a fallback to the copy; gives the file or folder below models-root.
using FetchModel = std::function<Result<std::string>(const std::string& uri)>;

struct ProjectCopy {
  std::string data_only;  // without endpoints and monitors: what has to be there before them
  std::string whole;
  std::vector<std::string> datasets, monitors;
  std::string service;                   // feature service of the endpoint; empty: none
  std::optional<Retraining> retraining;  // of the first action that starts a pipeline
  // The whole, but that pipeline's command never ends (with a timeout of a second, if it has one),
  // or takes two seconds. Empty: there is none.
  std::string stuck, slow;
  bool has_remedy = false;      // an action rolls back or falls back
  std::vector<LookedUp> views;  // by view: the prefix of its features ("VIEW__"), its source
};

// The event clock begins at `start`. Pipelines keep their names and parameters but do nothing: an
// action shows what it would have started. Releases, shadows, streams, routes of alerts and answers
// that go elsewhere are left out. `model`: a file or folder below the server's models-root.
// `fetch` is asked for the models of fallbacks; its errors are returned.
// kInvalidArgument: no YAML; kNotFound: no such endpoint, or no monitor watches it.
Result<ProjectCopy> copy_project(std::string_view yaml, const std::string& endpoint,
                                 const std::string& model, base::Timestamp start,
                                 const FetchModel& fetch);

}  // namespace slipway::cli
