// Frames to and from Parquet files, through Arrow (the only place that knows it).
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::store {

struct ParquetInfo {
  std::int64_t rows = 0;
  std::vector<std::int64_t> row_groups;  // rows of each
  std::vector<std::pair<std::string, types::ColumnType>> columns;
  // The earliest and the latest of columns of microseconds, as far as the file tells.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> times;
  std::vector<std::string> lists;  // columns of lists of numbers, where those are asked for
  // Columns that a Frame can't hold, with their types, where those are left out.
  std::vector<std::pair<std::string, std::string>> others;
};
enum class ParquetLists { kRefused, kNamed, kLeftOut };  // the last: other nested types, too

// kNotFound: no such file. kCorruption: not a Parquet file, or cut short. kInvalidArgument: a
// column type that has no place in a Frame (nested types), naming it. Integers of any width become
// int64, float32 double, dates and times timestamps in UTC.
Result<ParquetInfo> parquet_info(const std::filesystem::path& file,
                                 ParquetLists lists = ParquetLists::kRefused);

// Which columns a Frame can hold, and which it can't (nested types), with their types. Errors as
// parquet_info, but for those.
struct ParquetColumns {
  std::vector<std::string> held;
  std::vector<std::pair<std::string, std::string>> decimals;  // of `held`: read as doubles
  std::set<std::string> bytes;  // of `held`: read as texts, which older writers don't annotate
  std::vector<std::pair<std::string, std::string>> others;
};

// A whole file in memory, and what messages call it.
struct ParquetBytes {
  std::string_view bytes;
  std::string name;
  // What read_parquet gives may take, a dictionary's texts counted as often as rows name them;
  // beyond: kResourceExhausted.
  std::int64_t values_max = std::numeric_limits<std::int64_t>::max();
};
Result<ParquetColumns> parquet_columns(const ParquetBytes& bytes);

// All columns when `columns` is empty; otherwise those, in that order.
Result<types::Frame> read_parquet(const std::filesystem::path& file,
                                  const std::vector<std::string>& columns = {});
Result<types::Frame> read_parquet(const ParquetBytes& bytes,
                                  const std::vector<std::string>& columns = {});

// A column of lists of numbers, all as long: a column of doubles per place, "COLUMN[0]" and so on.
// A missing list is missing in all of them. kInvalidArgument: no such lists, or of different
// lengths. Other errors as read_parquet.
Result<types::Frame> read_parquet_lists(const std::filesystem::path& file,
                                        const std::string& column);

// A column of microseconds and which of its values are asked for, both inclusive.
struct ParquetRange {
  std::string column;
  std::int64_t first, last;
};

// Calls `visit` with pieces of at most `rows_per_piece` rows of these columns, in the order of
// rows, and the position of each piece's first row. Row groups that by their statistics have
// nothing in `range` are left out. The frame is used again for the next piece. Errors as
// read_parquet, and what `visit` says. With `memory_max` a file of somebody else's is refused that
// takes more for a piece (kResourceExhausted).
// `kRead`: a row group's bytes are read into memory of the process; `kMapped`: they are the file's
// in the system's cache, which count for the process as long as the file is open.
enum class ParquetAccess { kMapped, kRead };
using ParquetVisit = std::function<Result<void>(const types::Frame& piece, std::int64_t first_row)>;
Result<void> scan_parquet(const std::filesystem::path& file,
                          const std::vector<std::string>& columns, std::int64_t rows_per_piece,
                          const std::optional<ParquetRange>& range, const ParquetVisit& visit,
                          std::optional<std::int64_t> memory_max = std::nullopt,
                          ParquetAccess access = ParquetAccess::kMapped);

// zstd-compressed where that pays; written beside, synced, then renamed over `file`. The same frame
// gives the same bytes.
Result<void> write_parquet(const types::Frame& frame, const std::filesystem::path& file);

// Rows of some row groups, a piece at a time, so that a file may be larger than the memory. One
// thread at a time.
class ParquetPieces {
 public:
  // Errors as read_parquet.
  static Result<ParquetPieces> open(const std::filesystem::path& file,
                                    const std::vector<std::string>& columns,
                                    const std::vector<int>& row_groups,
                                    std::int64_t rows_per_piece);
  ParquetPieces(ParquetPieces&&) noexcept;
  ParquetPieces& operator=(ParquetPieces&&) = delete;
  ~ParquetPieces();

  // Nothing at the end.
  Result<std::optional<types::Frame>> next();

 private:
  struct Impl;
  explicit ParquetPieces(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Writes a file a frame at a time, all of the same columns; each frame is one row group or, when it
// is large, several. Until
// finish() nothing is at `file`; then all of it is, synced. Destroyed before, it leaves nothing.
// One thread at a time.
class ParquetWriter {
 public:
  explicit ParquetWriter(std::filesystem::path file);
  ~ParquetWriter();
  ParquetWriter(const ParquetWriter&) = delete;

  // kStorageFull: the disk is full. kInvalidArgument: other columns than before.
  Result<void> append(const types::Frame& frame);
  // kFailedPrecondition: nothing was appended.
  Result<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::store
