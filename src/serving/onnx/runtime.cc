#include "serving/onnx/runtime.h"

#include "base/log.h"
#include "serving/onnx/runtime_library.h"
#include "serving/onnx/runtime_model.h"

namespace slipway::serving::onnx {

Runtime::Runtime(Options options) : options_(std::move(options)) {}
Runtime::~Runtime() = default;

Result<std::shared_ptr<const Library>> Runtime::library() {
  base::MutexLock lock(mutex_);
  if (library_ == nullptr) {
    library_ = TRY(Library::open(options_.library));
    base::log_info("serving", "ONNX Runtime is loaded: version={}", library_->version());
  }
  return library_;
}

Result<std::shared_ptr<const serving::Model>> Runtime::load(const std::filesystem::path& file,
                                                            const onnx::Model& model,
                                                            Interface interface) {
  std::shared_ptr<const Library> use = TRY(library());
  return RuntimeModel::load(std::move(use), file, model, std::move(interface), options_.threads);
}

}  // namespace slipway::serving::onnx
