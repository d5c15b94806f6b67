#include "cli/local_model.h"

#include <CLI/CLI.hpp>
#include <chrono>

#include "serving/model_loader.h"

namespace slipway::cli {
namespace {

constexpr auto kCallLimit = std::chrono::hours(1);  // nobody waits for a single call

}  // namespace

void ModelRuntimes::add_to(CLI::App& command) {
  command
      .add_option("--python-models", interpreter,
                  "The Python that runs models which need it, with what they need installed")
      ->envname("SLIPWAY_PYTHON_MODELS");
  command
      .add_option("--onnxruntime-library", onnxruntime_library,
                  "libonnxruntime.so or its folder, for ONNX models that need it; without, where "
                  "libraries are")
      ->envname("SLIPWAY_ONNXRUNTIME_LIBRARY");
}

LocalModel::LocalModel(Scratch scratch, const ModelRuntimes& runtimes, std::size_t processes)
    : scratch_(std::move(scratch)),
      python_({.folder = scratch_.path(),
               .environments = {.interpreter = runtimes.interpreter},
               .workers = processes,
               .spares = 0,
               .call_limit = kCallLimit}),
      onnx_({.library = runtimes.onnxruntime_library}) {
  python_.start();
}

Result<std::unique_ptr<const LocalModel>> LocalModel::load(const std::filesystem::path& files,
                                                           const ModelRuntimes& runtimes,
                                                           std::size_t processes) {
  std::unique_ptr<LocalModel> local(
      new LocalModel(TRY(Scratch::make("model")), runtimes, processes));
  local->model_ = TRY(serving::load_model(
      files,
      {.python = runtimes.interpreter.empty() ? nullptr : &local->python_, .onnx = &local->onnx_}));
  return std::unique_ptr<const LocalModel>(std::move(local));
}

}  // namespace slipway::cli
