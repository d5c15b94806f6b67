// Loads models that run in Python: finds their environment and starts their processes.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "serving/endpoint_spec.h"
#include "serving/python/environments.h"
#include "serving/python/python_model.h"

namespace slipway::serving::python {

// Safe to use from several threads. Outlives what it loads.
class Runtime {
 public:
  struct Options {
    std::filesystem::path folder;  // for the workers' program
    Environments::Options environments;
    std::size_t workers = 1;  // the rest as in PythonModelOptions and WorkerCommand
    std::size_t spares = 1;
    std::uint64_t memory_bytes_max = 0;
    std::chrono::milliseconds call_limit = std::chrono::seconds(30);
    std::chrono::milliseconds load_limit = std::chrono::seconds(300);
  };
  explicit Runtime(Options options);

  // From now on models are loaded; before, load() is kUnavailable. A server that starts doesn't
  // wait for them.
  void start() { started_ = true; }
  // Whoever waits in load() is told so.
  void stop() { stopping_ = true; }

  // `folder` has an MLmodel with the python_function flavor, or model.py with a class Model.
  // Errors as of Environments::interpreter_for() and PythonModel::load().
  // `options` go before those of the runtime.
  Result<std::shared_ptr<const Model>> load(const std::filesystem::path& folder,
                                            const PythonSpec& options = {});

  // As of Environments::remove_unused().
  Environments::Removed remove_unused(std::chrono::seconds age, Environments::DryRun dry_run) {
    return environments_.remove_unused(age, dry_run);
  }

 private:
  const Options options_;
  Environments environments_;
  std::atomic<bool> started_{false}, stopping_{false};
};

}  // namespace slipway::serving::python
