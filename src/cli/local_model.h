// A model that a command runs itself, without a server.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli/scratch.h"
#include "serving/model.h"
#include "serving/onnx/runtime.h"
#include "serving/python/runtime.h"

namespace CLI {
class App;
}

namespace slipway::cli {

// What runs the models that our own engines can't.
struct ModelRuntimes {
  std::string interpreter;          // empty: no model is Python's
  std::string onnxruntime_library;  // empty: where libraries are

  void add_to(CLI::App& command);  // --python-models and --onnxruntime-library
};

class LocalModel {
 public:
  // With so many processes of Python, where it is Python's. Errors as of serving::load_model().
  static Result<std::unique_ptr<const LocalModel>> load(const std::filesystem::path& files,
                                                        const ModelRuntimes& runtimes,
                                                        std::size_t processes = 1);

  const serving::Model& operator*() const { return *model_; }
  const serving::Model* operator->() const { return model_.get(); }

 private:
  LocalModel(Scratch scratch, const ModelRuntimes& runtimes, std::size_t processes);

  const Scratch scratch_;
  serving::python::Runtime python_;
  serving::onnx::Runtime onnx_;
  std::shared_ptr<const serving::Model> model_;
};

}  // namespace slipway::cli
