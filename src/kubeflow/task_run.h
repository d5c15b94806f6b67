// One task of a compiled pipeline, run as a process: what a step's `slipway run-task` does. It
// brings together what earlier steps have written, runs the container's command with what stands
// for its placeholders, and writes down what came of it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

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

}  // namespace slipway::kubeflow
