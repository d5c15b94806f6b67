// One metric of MLflow's file store: a line a point.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "tracking/values.h"

namespace slipway::api::mlflow_source {

// Lines "timestamp value", "timestamp value step" or "timestamp value step dataset digest", with
// values as Python writes them (nan, inf, 1e-05). Empty lines don't count. kInvalidArgument naming
// the line. Pure; fuzzed.
Result<std::vector<tracking::Metric>> parse_metric_file(std::string_view text,
                                                        const std::string& key);
// The same for a logged model: "timestamp value step run [dataset digest]".
Result<std::vector<tracking::ModelMetric>> parse_model_metric_file(std::string_view text,
                                                                   const std::string& key);

}  // namespace slipway::api::mlflow_source
