#include "serving/python/runtime.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "serving/python/worker_program.h"
#include "store/file_system.h"

namespace slipway::serving::python {
namespace {

// What a worker inherits: no settings of a server or client, among which are passwords.
bool is_ours(std::string_view variable) {
  static constexpr std::string_view kOurs[] = {"SLIPWAY_",         "MLFLOW_AUTH_",
                                               "MLFLOW_TRACKING_", "MLFLOW_WEBHOOK_",
                                               "MLFLOW_BACKEND_",  "MLFLOW_REGISTRY_"};
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

std::vector<std::string> worker_environment(std::size_t workers) {
  std::vector<std::string> variables;
  bool has_threads = false;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (is_ours(variable)) continue;
    has_threads = has_threads || variable.starts_with("OMP_NUM_THREADS=");
    variables.emplace_back(variable);
  }
  // Workers share the machine.
  const std::size_t threads = std::max<std::size_t>(
      1, std::thread::hardware_concurrency() / std::max<std::size_t>(1, workers));
  if (!has_threads) variables.push_back(fmt::format("OMP_NUM_THREADS={}", threads));
  variables.emplace_back("PYTHONUNBUFFERED=1");
  variables.emplace_back("MLFLOW_DISABLE_TELEMETRY=true");
  return variables;
}

}  // namespace

Runtime::Runtime(Options options)
    : options_(std::move(options)), environments_([this] {
        Environments::Options environments = options_.environments;
        environments.should_stop = [this] { return stopping_.load(); };
        return environments;
      }()) {}

Result<std::shared_ptr<const Model>> Runtime::load(const std::filesystem::path& folder,
                                                   const PythonSpec& own) {
  if (!started_)
    return base::error(Code::kUnavailable, "models in Python are loaded when the server is up");
  auto interpreter = TRY(environments_.interpreter_for(folder));
  const std::filesystem::path program = options_.folder / "worker.py";
  TRY(store::make_folders(options_.folder));
  TRY(store::write_file(program, kWorkerProgram));
  PythonModelOptions options{.name = folder.string(),
                             .workers = static_cast<std::size_t>(
                                 own.workers.value_or(static_cast<std::int64_t>(options_.workers))),
                             .spares = options_.spares,
                             .call_limit = own.call_limit.value_or(options_.call_limit),
                             .load_limit = options_.load_limit};
  options.command.python = *interpreter;
  options.command.program = program;
  options.command.folder = folder;
  options.command.environment = worker_environment(options.workers);
  options.command.memory_bytes_max = static_cast<std::uint64_t>(
      own.memory_bytes_max.value_or(static_cast<std::int64_t>(options_.memory_bytes_max)));
  options.environment = std::move(interpreter);
  options.should_stop = [this] { return stopping_.load(); };
  return PythonModel::load(std::move(options));
}

}  // namespace slipway::serving::python
