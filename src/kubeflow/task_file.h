// What the compiler writes into a task's file of its container and outputs.
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

// What stands in the words of a container must be known before anything runs. kInvalidArgument with
// the place: a placeholder that nobody knows, or of what the component or `inputs` don't have.
Result<void> check_words(const Executor& executor, const Component& component,
                         const std::map<std::string, ValueSource>& inputs);

}  // namespace slipway::kubeflow
