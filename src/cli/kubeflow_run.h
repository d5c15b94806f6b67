// `slipway run` on a pipeline that Kubeflow's compiler has written (IR, YAML or JSON).
#pragma once

#include <string>

#include "cli/client.h"

namespace slipway::cli {

// A file of YAML or JSON that isn't dvc.yaml: no pipeline is called so.
bool is_compiled_pipeline(const std::string& target);

// Begins a run of `file` with `params` ({"NAME": "text"}), as kfp.Client would, named `reason` when
// there is one. Gives the run as /slipway/v1/pipeline-runs has it. kInvalidArgument, with the
// place: it is no compiled pipeline, says what can't be run here, or has no such parameter.
Result<Json> run_compiled(Client& client, const std::string& file, const JsonObject& params,
                          const std::string& reason);

}  // namespace slipway::cli
