// Frames to and from Arrow's IPC streams (application/vnd.apache.arrow.stream).
#pragma once

#include <filesystem>
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

// Rows of a stream as a Parquet file, a batch at a time. kInvalidArgument: no Arrow stream, cut
// short, or a column type that has no place in a Frame.
Result<void> arrow_stream_to_parquet(const std::filesystem::path& stream,
                                     const std::filesystem::path& parquet);

}  // namespace slipway::store
