// `slipway run` on a dvc.yaml: its stages become one of our pipelines.
#pragma once

#include <string>

#include "cli/client.h"

namespace slipway::cli {

// "", "dvc.yaml", "folder/dvc.yaml", "dvc.yaml:STAGE": an empty one means the dvc.yaml that is
// here.
bool is_dvc_target(const std::string& target);

struct DvcRun {
  std::string pipeline;  // empty: dvc.yaml has no stages
  JsonObject params;     // what its lock files have
  JsonArray forecast;    // as pipelines/forecast.h, of each stage; only when it is asked for
};

enum class Forecast { kNo, kYes, kOfForced };

// Declares the pipeline, so that it can be run; with a forecast nothing is declared, and no server
// is asked. The server has to be on this machine. Errors as dvc/dvc_file.h and dvc/plan.h.
Result<DvcRun> declare_dvc(Client& client, const std::string& target, Forecast forecast);
// Of all dvc.yaml of the repository that this folder is in.
Result<DvcRun> declare_all_dvc(Client& client, Forecast forecast);

// Whether the dvc.yaml that is here has a stage, or a group of them, called so.
bool is_dvc_stage(const std::string& name);

}  // namespace slipway::cli
