// ONNX Runtime, where its library is installed: it runs the graphs that we don't.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "serving/model.h"
#include "serving/onnx/interface.h"
#include "serving/onnx/proto.h"

namespace slipway::serving::onnx {

class Library;

// Safe to use from several threads. Looks for the library when the first model needs it.
class Runtime {
 public:
  struct Options {
    // libonnxruntime.so, or its folder. Empty: what ORT_DYLIB_PATH says, else where libraries are.
    std::string library;
    std::size_t threads = 1;  // of a model, for one call
  };
  explicit Runtime(Options options);
  ~Runtime();

  // `model` is what `file` holds; files beside it may have its tensors. kFailedPrecondition: there
  // is no library, and what to do. kInvalidArgument: ONNX Runtime can't load it either, and why.
  Result<std::shared_ptr<const serving::Model>> load(const std::filesystem::path& file,
                                                     const onnx::Model& model, Interface interface);

 private:
  Result<std::shared_ptr<const Library>> library();

  const Options options_;
  base::Mutex mutex_;
  std::shared_ptr<const Library> library_ GUARDED_BY(mutex_);
};

}  // namespace slipway::serving::onnx
