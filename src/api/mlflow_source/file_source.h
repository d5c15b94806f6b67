// MLflow's file store: a folder for each experiment, a folder for each run, a file for each tag,
// parameter and metric.
#pragma once

#include "api/mlflow_source/source.h"

namespace slipway::api::mlflow_source {

// kNotFound: no such folder. kInvalidArgument: no experiment in it.
Result<std::unique_ptr<Source>> open_folder(const std::filesystem::path& root,
                                            SourceOptions options);

}  // namespace slipway::api::mlflow_source
