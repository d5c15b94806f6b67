// Frames to and from Arrow's IPC streams (application/vnd.apache.arrow.stream).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

// Writes a stream into a file a frame at a time, all of the same columns. Until finish() nothing is
// at `file`. Destroyed before, it leaves nothing. One thread at a time.
class ArrowStreamWriter {
 public:
  explicit ArrowStreamWriter(std::filesystem::path file);
  ~ArrowStreamWriter();
  ArrowStreamWriter(const ArrowStreamWriter&) = delete;

  // kStorageFull: the disk is full. kInvalidArgument: other columns than before.
  Result<void> append(const types::Frame& frame);
  // kFailedPrecondition: nothing was appended.
  Result<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What a stream of somebody else's may ask for: a few bytes can name any number of rows, and one
// text of a dictionary can stand in all of them.
struct ArrowStreamLimits {
  std::int64_t rows = 100'000'000;
  std::int64_t bytes = 16ll << 30;        // of all values, each spelled out
  std::int64_t memory_bytes = 1ll << 30;  // of one batch, unpacked
};

// Rows of a stream as a Parquet file, a piece of a batch at a time. `accepts` may refuse the
// columns, which it gets without rows, before any row is made. kInvalidArgument: no Arrow stream,
// cut short, or a column type that has no place in a Frame. kResourceExhausted: beyond the limits.
using AcceptColumns = std::function<Result<void>(const types::Frame& columns)>;
Result<void> arrow_stream_to_parquet(const std::filesystem::path& stream,
                                     const std::filesystem::path& parquet,
                                     const ArrowStreamLimits& limits, const AcceptColumns& accepts);

}  // namespace slipway::store
