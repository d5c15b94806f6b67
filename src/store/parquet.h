// Frames to and from Parquet files, through Arrow (the only place that knows it).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

struct ParquetInfo {
  std::int64_t rows = 0;
  std::vector<std::pair<std::string, types::ColumnType>> columns;
};

// kNotFound: no such file. kCorruption: not a Parquet file, or cut short. kInvalidArgument: a
// column type that has no place in a Frame (nested types), naming it. Integers of any width become
// int64, float32 double, dates and times timestamps in UTC.
Result<ParquetInfo> parquet_info(const std::filesystem::path& file);

// All columns when `columns` is empty; otherwise those, in that order.
Result<types::Frame> read_parquet(const std::filesystem::path& file,
                                  const std::vector<std::string>& columns = {});

// zstd-compressed; written beside, synced, then renamed over `file`. The same frame gives the same
// bytes.
Result<void> write_parquet(const types::Frame& frame, const std::filesystem::path& file);

}  // namespace slipway::store
