#include "serving/onnx/runtime_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace slipway::serving::onnx {
namespace {

namespace fs = std::filesystem;

// ONNX Runtime's OrtApiBase.
struct ApiBase {
  void* const* (*table)(std::uint32_t version);
  const char* (*version)();
};

constexpr std::uint32_t kApiVersion = 1;
constexpr int kLogErrors = 3;
constexpr int kArenaAllocator = 1, kDefaultMemory = 0;

// libonnxruntime.so and libonnxruntime.so.VERSION in a folder.
std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename().string().starts_with("libonnxruntime.so")) found.push_back(entry);
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> candidates(const std::string& path) {
  if (!path.empty()) {
    std::error_code ignored;
    return fs::is_directory(path, ignored) ? libraries_in(path) : std::vector<fs::path>{path};
  }
  // First as the linker finds them: LD_LIBRARY_PATH, its cache.
  std::vector<fs::path> found{"libonnxruntime.so", "libonnxruntime.so.1"};
  for (const char* folder : {"/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu",
                             "/usr/lib/aarch64-linux-gnu", "/opt/onnxruntime/lib"}) {
    const std::vector<fs::path> here = libraries_in(folder);
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

}  // namespace

Library::Library(void* const* table)
    : CreateSession{table},
      Run{table},
      CreateSessionOptions{table},
      SetIntraOpNumThreads{table},
      SetInterOpNumThreads{table},
      CreateTensorAsOrtValue{table},
      CreateTensorWithDataAsOrtValue{table},
      GetTensorMutableData{table},
      FillStringTensor{table},
      GetStringTensorDataLength{table},
      GetStringTensorContent{table},
      GetTensorElementType{table},
      GetDimensionsCount{table},
      GetDimensions{table},
      GetTensorTypeAndShape{table},
      GetValueType{table},
      GetValue{table},
      GetValueCount{table},
      ReleaseSession{table},
      ReleaseValue{table},
      ReleaseTensorTypeAndShapeInfo{table},
      ReleaseSessionOptions{table},
      GetErrorMessage{table},
      CreateEnv{table},
      DisableTelemetryEvents{table},
      CreateCpuMemoryInfo{table},
      GetAllocatorWithDefaultOptions{table},
      ReleaseEnv{table},
      ReleaseStatus{table},
      ReleaseMemoryInfo{table} {}

Library::~Library() {
  if (memory_ != nullptr) ReleaseMemoryInfo(memory_);
  if (environment_ != nullptr) ReleaseEnv(environment_);
}

Result<void> Library::check(OrtStatus* status, base::Code code) const {
  if (status == nullptr) return {};
  Error error{code, GetErrorMessage(status)};
  ReleaseStatus(status);
  return error;
}

Result<void> Library::start() {
  TRY(check(CreateEnv(kLogErrors, "slipway", &environment_), Code::kInternal));
  TRY(check(DisableTelemetryEvents(environment_), Code::kInternal));
  TRY(check(CreateCpuMemoryInfo(kArenaAllocator, kDefaultMemory, &memory_), Code::kInternal));
  return check(GetAllocatorWithDefaultOptions(&allocator_), Code::kInternal);
}

Result<std::shared_ptr<const Library>> Library::open(const std::string& path) {
  const char* variable = std::getenv("ORT_DYLIB_PATH");
  const std::string wanted = path.empty() && variable != nullptr ? variable : path;
  std::string why;
  for (const fs::path& candidate : candidates(wanted)) {
    // Never closed: its threads and its memory outlive what used it.
    void* handle = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      if (!wanted.empty()) why = ::dlerror();
      continue;
    }
    const auto base = reinterpret_cast<const ApiBase* (*)()>(::dlsym(handle, "OrtGetApiBase"));
    void* const* table = base == nullptr ? nullptr : base()->table(kApiVersion);
    if (table == nullptr) {
      why = candidate.string() + " is no ONNX Runtime";
      continue;
    }
    std::shared_ptr<Library> library(new Library(table));
    library->version_ = base()->version();
    TRY(library->start());
    return std::shared_ptr<const Library>(std::move(library));
  }
  if (wanted.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "ONNX Runtime is not installed: put libonnxruntime.so where libraries are, "
                       "or say where it is with onnxruntime-library or ORT_DYLIB_PATH (the Python "
                       "package onnxruntime has it in its folder capi)");
  }
  return base::error(Code::kFailedPrecondition, "ONNX Runtime can't be loaded: path={}{}{}", wanted,
                     why.empty() ? "" : " ", why);
}

}  // namespace slipway::serving::onnx
