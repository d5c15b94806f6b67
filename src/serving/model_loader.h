// Finds out what a model is and loads it with the runtime that runs it.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "serving/endpoint_spec.h"
#include "serving/model.h"

namespace slipway::serving {

namespace onnx {
class Runtime;
}
namespace python {
class Runtime;
}

// What runs the models that our own engines can't; null: those are refused.
struct Runtimes {
  python::Runtime* python = nullptr;
  onnx::Runtime* onnx = nullptr;
};

// `path` is a folder that MLflow's client wrote (its MLmodel names the flavors and the files), or a
// model file itself: XGBoost's JSON or UBJSON, LightGBM's text, ONNX. kNotFound: nothing there.
// kCorruption: a truncated or foreign file. kInvalidArgument: a flavor or objective that no runtime
// here can run, named. kFailedPrecondition: a runtime it needs is missing, and how to get it. An
// ONNX graph that we can't evaluate is ONNX Runtime's; a folder whose flavors nobody else can run,
// or that has a model.py instead of an MLmodel, is Python's, run by
// `options`. Safe to use from several threads.
Result<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path,
                                                const Runtimes& runtimes,
                                                const PythonSpec& options = {});

}  // namespace slipway::serving
