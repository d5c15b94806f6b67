// Makes one of our pipelines of a Kubeflow pipeline: sub-dags become part of one list of steps,
// each of which runs `slipway run-task` on a file that says what the task is. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "kubeflow/parameter.h"
#include "kubeflow/pipeline_spec.h"

namespace slipway::kubeflow {

struct CompiledParameter {
  std::string name;       // as the pipeline calls it
  std::string plan_name;  // as ours does
  ParameterSpec spec;
};

struct CompiledPipeline {
  std::string name;  // of letters, digits, '-' and '_'
  std::string text;  // what one of our pipelines is, as JSON: docs/formats/slipway_yaml.md
  std::map<std::string, std::string> files;  // path below the project -> content
  std::vector<CompiledParameter> parameters;
  std::map<std::string, std::string> tasks;  // step -> the task that it is

  // SHA-256 of what the pipeline does.
  std::string digest() const;
};

// Begins the command of a step that is a task.
inline constexpr std::string_view kTaskCommand = "slipway run-task";

// The file below its outputs that a step writes its parameters and artifacts to.
inline constexpr std::string_view kOutputsFile = "outputs.json";
inline constexpr std::string_view kArtifactsFolder = "artifacts";

// Where containers run: as processes of the server's machine, which take nothing from their image,
// or as Jobs of Kubernetes in it, with the resources that they ask for.
enum class Where { kHere, kJobs };

// kInvalidArgument with the place in the spec: what can't be run there. kResourceExhausted: too
// many steps.
Result<CompiledPipeline> compile(const PipelineSpec& spec, Where where = Where::kHere);

}  // namespace slipway::kubeflow
