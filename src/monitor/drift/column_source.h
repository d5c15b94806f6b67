// Where a report takes its columns from, one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::monitor {

// The columns of one data set. Safe to use from several threads.
class ColumnSource {
 public:
  virtual ~ColumnSource() = default;

  virtual std::int64_t rows() const = 0;
  // Names and types, in the data's order.
  virtual const std::vector<std::pair<std::string, types::ColumnType>>& columns() const = 0;
  // One column, which must be among them.
  virtual Result<types::Column> read(const std::string& column) = 0;

  // Columns that are lists of numbers, all of one length: embeddings. They are not among columns().
  virtual std::vector<std::string> lists() const { return {}; }
  // One of lists(), as a column per place.
  virtual Result<types::Frame> read_lists(const std::string& column);
};

// A table in memory. Each column is given away once.
std::unique_ptr<ColumnSource> columns_of(types::Frame frame);

// A file on this machine: Parquet, read a column at a time, or CSV with a header (by the end of its
// name), of which `only` are kept in memory (all when there are none). kNotFound: no such file or
// column. kInvalidArgument: a column of nested values. kCorruption: not such a file, or cut short.
Result<std::unique_ptr<ColumnSource>> open_columns(const std::filesystem::path& file,
                                                   const std::vector<std::string>& only);

}  // namespace slipway::monitor
