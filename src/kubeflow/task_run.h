// One task of a compiled pipeline: what a step's `slipway run-task` does. It brings together what
// earlier steps have written, runs the container's command as a process with what stands for its
// placeholders, and writes down what came of it; or the first and the last of that, around a
// container that runs elsewhere.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::kubeflow {

struct TaskCall {
  std::filesystem::path file;                          // that the compiler wrote
  std::filesystem::path out;                           // for what the task writes
  std::map<std::string, std::string> parameters;       // of the run
  std::map<std::string, std::filesystem::path> steps;  // what they have written is in
  std::optional<std::string> item;                     // JSON
  std::size_t item_index = 0;
  std::string run, step, now;  // ids, and the time that the run is for
  std::string needs;           // how the steps have ended that it comes after, as JSON
};

// Runs it and waits. The exit code of its command, never 3, which means a gate's no elsewhere; 0:
// its outputs are written. Changes this process' environment and folder, so it has one of its own.
// kInvalidArgument, kNotFound: what it needs isn't there; the message says from whom.
Result<int> run_task(const TaskCall& call);

// What a container is to run, on top of its own environment.
struct TaskContainer {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;
};

// Writes what the task's container is to run below `call.out`, where it finds and leaves its files.
// Twice is as good as once. As run_task.
Result<void> prepare_task(const TaskCall& call);
// What that has written. kNotFound: it wasn't prepared.
Result<TaskContainer> prepared_container(const std::filesystem::path& out);
// After the container: its outputs are written. kInvalidArgument: an output of another type.
Result<void> finish_task(const TaskCall& call);
// Whether they are; nothing is left to be done then.
bool is_finished(const std::filesystem::path& out);
// A container's 3 is no gate's no.
int exit_code_of_task(int container_code);

}  // namespace slipway::kubeflow
