// What a container is told about its inputs and outputs, and what it tells of them: the messages
// ExecutorInput and ExecutorOutput of Kubeflow as JSON.
#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "kubeflow/placeholder.h"
#include "kubeflow/task_run.h"

namespace slipway::kubeflow {

// Where the files of a running task are.
struct TaskFolders {
  std::filesystem::path out;
  std::filesystem::path scratch() const { return out / "scratch"; }
  std::filesystem::path parameters() const { return scratch() / "parameters"; }
  std::filesystem::path container_file() const { return scratch() / "container.json"; }
  std::filesystem::path output_file() const { return scratch() / "executor_output.json"; }
  std::filesystem::path artifacts() const;
};

// A task's file, as the compiler wrote it.
struct TaskFile {
  std::string pipeline, task;
  JsonObject parameters, artifacts;  // name -> where from
  JsonObject output_parameters;      // name -> type
  JsonObject output_artifacts;       // name -> type's schema
  JsonObject container, importer;    // one of them
};
Result<TaskFile> read_task_file(const std::filesystem::path& file);

// {"inputs": {"parameterValues", "artifacts"}, "outputs": {"parameters", "artifacts",
// "outputFile"}}. kNotFound: an input that nobody has written. kInvalidArgument: one of another
// type.
Result<JsonObject> make_executor_input(const TaskFile& task, const TaskCall& call,
                                       const TaskFolders& folders);

// What stands for a placeholder in the words of the command.
Result<std::string> text_of(const Placeholder& placeholder, const JsonObject& executor_input,
                            const TaskFile& task, const TaskCall& call);

// What the container has written: {"parameters": {...}, "artifacts": {name: [...]}}. Artifacts
// below `out` are named from there. kInvalidArgument: an output of another type.
Result<JsonObject> collect_outputs(const TaskFile& task, const JsonObject& executor_input,
                                   const TaskFolders& folders);

}  // namespace slipway::kubeflow
