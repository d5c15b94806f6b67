// Tasks of Kubeflow pipelines as Jobs: the container runs the component's own command in the
// component's own image, which has nothing of this program. Around it, this server brings together
// what it is told and takes what it has written.
#pragma once

#include <functional>

#include "base/result.h"
#include "pipelines/executor.h"

namespace slipway::app {

// Whether a step that runs as a Job is such a task.
bool is_kubeflow_task(const pipelines::Command& command);

// Runs it by `jobs`, what is before and after it by `here`. A server that comes after a crash calls
// it again: what was done isn't done twice. Errors as both have them.
Result<pipelines::Exit> run_kubeflow_task(const pipelines::Command& command,
                                          pipelines::Executor& here, pipelines::Executor& jobs,
                                          const std::function<pipelines::Wish()>& wish);

}  // namespace slipway::app
