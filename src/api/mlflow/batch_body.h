// Bodies of log-batch and log-metric as clients usually send them, read without building a tree of
// values: training sends thousands of these.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tracking/values.h"

namespace slipway::api::mlflow {

struct BatchBody {
  std::string run_id;
  std::vector<tracking::Metric> metrics;
  std::vector<tracking::KeyValue> params, tags;
};

// Nothing when anything about the body is unusual or wrong: then `Fields` reads it, or says what is
// wrong in MLflow's words. What is read here is what `Fields` would have read.
std::optional<BatchBody> read_batch_body(std::string_view body);
// The body of log-metric: a batch of one.
std::optional<BatchBody> read_metric_body(std::string_view body);

}  // namespace slipway::api::mlflow
