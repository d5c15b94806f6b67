// The part of ONNX Runtime's C interface that is used here.
//
// The library gives one table of functions whose positions never change: new versions append to it
// (its source asserts that). So positions are all that has to be known, and no header of a certain
// version is needed to build. Every function here is there since version 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

// ONNX Runtime's own names: these types are only ever pointed to.
struct OrtStatus;
struct OrtEnv;
struct OrtSession;
struct OrtSessionOptions;
struct OrtRunOptions;
struct OrtValue;
struct OrtMemoryInfo;
struct OrtAllocator;
struct OrtTensorTypeAndShapeInfo;

namespace slipway::serving::onnx {

// A function of the table, by its position and type.
template <std::size_t kPosition, typename Signature>
struct Function;
template <std::size_t kPosition, typename Return, typename... Arguments>
struct Function<kPosition, Return(Arguments...)> {
  Return operator()(Arguments... arguments) const {
    return reinterpret_cast<Return (*)(Arguments...)>(table[kPosition])(arguments...);
  }
  void* const* table;
};

// What an OrtValue is; numbers are ONNX Runtime's.
enum class ValueKind : int { kUnknown = 0, kTensor = 1, kSequence = 2, kMap = 3 };

class Library {
 public:
  // `path`: a file or folder; empty: the usual places. kFailedPrecondition: none there, or it is
  // no ONNX Runtime.
  static Result<std::shared_ptr<const Library>> open(const std::string& path);
  ~Library();
  Library(const Library&) = delete;

  const std::string& version() const { return version_; }
  OrtEnv* environment() const { return environment_; }
  OrtMemoryInfo* memory() const { return memory_; }
  OrtAllocator* allocator() const { return allocator_; }

  // Nothing, or the error that `status` is; frees it. `code`: of that error.
  Result<void> check(OrtStatus* status, base::Code code) const;

  template <std::size_t kPosition, typename Signature>
  using At = Function<kPosition, Signature>;
  // NOLINTBEGIN: the names of the interface
  At<7, OrtStatus*(const OrtEnv*, const char*, const OrtSessionOptions*, OrtSession**)>
      CreateSession;
  At<9, OrtStatus*(OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*,
                   std::size_t, const char* const*, std::size_t, OrtValue**)>
      Run;
  At<10, OrtStatus*(OrtSessionOptions**)> CreateSessionOptions;
  At<24, OrtStatus*(OrtSessionOptions*, int)> SetIntraOpNumThreads;
  At<25, OrtStatus*(OrtSessionOptions*, int)> SetInterOpNumThreads;
  At<48, OrtStatus*(OrtAllocator*, const std::int64_t*, std::size_t, int, OrtValue**)>
      CreateTensorAsOrtValue;
  At<49, OrtStatus*(const OrtMemoryInfo*, void*, std::size_t, const std::int64_t*, std::size_t, int,
                    OrtValue**)>
      CreateTensorWithDataAsOrtValue;
  At<51, OrtStatus*(OrtValue*, void**)> GetTensorMutableData;
  At<52, OrtStatus*(OrtValue*, const char* const*, std::size_t)> FillStringTensor;
  At<53, OrtStatus*(const OrtValue*, std::size_t*)> GetStringTensorDataLength;
  At<54, OrtStatus*(const OrtValue*, void*, std::size_t, std::size_t*, std::size_t)>
      GetStringTensorContent;
  At<60, OrtStatus*(const OrtTensorTypeAndShapeInfo*, int*)> GetTensorElementType;
  At<61, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::size_t*)> GetDimensionsCount;
  At<62, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::int64_t*, std::size_t)> GetDimensions;
  At<65, OrtStatus*(const OrtValue*, OrtTensorTypeAndShapeInfo**)> GetTensorTypeAndShape;
  At<67, OrtStatus*(const OrtValue*, ValueKind*)> GetValueType;
  At<80, OrtStatus*(const OrtValue*, int, OrtAllocator*, OrtValue**)> GetValue;
  At<81, OrtStatus*(const OrtValue*, std::size_t*)> GetValueCount;
  At<95, void(OrtSession*)> ReleaseSession;
  At<96, void(OrtValue*)> ReleaseValue;
  At<99, void(OrtTensorTypeAndShapeInfo*)> ReleaseTensorTypeAndShapeInfo;
  At<100, void(OrtSessionOptions*)> ReleaseSessionOptions;
  // NOLINTEND

 private:
  explicit Library(void* const* table);
  Result<void> start();

  At<2, const char*(const OrtStatus*)> GetErrorMessage;
  At<3, OrtStatus*(int, const char*, OrtEnv**)> CreateEnv;
  At<6, OrtStatus*(const OrtEnv*)> DisableTelemetryEvents;
  At<69, OrtStatus*(int, int, OrtMemoryInfo**)> CreateCpuMemoryInfo;
  At<78, OrtStatus*(OrtAllocator**)> GetAllocatorWithDefaultOptions;
  At<92, void(OrtEnv*)> ReleaseEnv;
  At<93, void(OrtStatus*)> ReleaseStatus;
  At<94, void(OrtMemoryInfo*)> ReleaseMemoryInfo;

  std::string version_;
  OrtEnv* environment_ = nullptr;
  OrtMemoryInfo* memory_ = nullptr;
  OrtAllocator* allocator_ = nullptr;  // the library's own
};

}  // namespace slipway::serving::onnx
