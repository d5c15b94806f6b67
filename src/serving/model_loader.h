// Finds out what a model is and loads it with the runtime that runs it.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "serving/endpoint_spec.h"
#include "serving/model.h"

namespace slipway::serving {

namespace python {
class Runtime;
}

// `path` is a folder that MLflow's client wrote (its MLmodel names the flavors and the files), or a
// model file itself: XGBoost's JSON or UBJSON, LightGBM's text. kNotFound: nothing there.
// kCorruption: a truncated or foreign file. kInvalidArgument: a flavor or objective that no runtime
// here can run, named. A folder whose flavors none of our own runtimes can run, or that has a
// model.py instead of an MLmodel, is `python`'s (nullable: then it is refused), run by `options`.
// Safe to use from several threads.
Result<std::shared_ptr<const Model>> load_model(const std::filesystem::path& path,
                                                python::Runtime* python,
                                                const PythonSpec& options = {});

}  // namespace slipway::serving
