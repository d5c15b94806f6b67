// What the compiler writes of a task's container and outputs: into its file, and into its step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "kubeflow/pipeline_spec.h"
#include "kubeflow/value_source.h"

namespace slipway::kubeflow {

JsonArray list_of(const std::vector<std::string>& texts);

JsonObject outputs_of(const Component& component);
void add_executor(const Executor& executor, JsonObject& file);

// Makes the step of a container a Job. kInvalidArgument with the place: it has no image, or asks
// for what no step can be given.
Result<void> add_job(const Executor& executor, JsonObject& step);

// What stands in the words of a container must be known before anything runs. kInvalidArgument with
// the place: a placeholder that nobody knows, or of what the component or `inputs` don't have.
Result<void> check_words(const Executor& executor, const Component& component,
                         const std::map<std::string, ValueSource>& inputs);

}  // namespace slipway::kubeflow
