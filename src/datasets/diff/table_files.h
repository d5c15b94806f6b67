// A table that is files of one format, a piece at a time: it may be larger than the memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datasets/csv_table.h"
#include "datasets/row_files.h"
#include "store/parquet.h"
#include "types/frame.h"

namespace slipway::datasets {

// Several threads may read.
class TableFiles {
 public:
  struct Column {
    std::string name;
    types::ColumnType type = types::ColumnType::kDouble;
    bool has_values = true;  // false: cells of CSV, of which none has a value
  };

  // `name` stands in messages. Cells of CSV are looked at, all of them, for their types. `files` is
  // as find_row_files() gives it. kInvalidArgument naming file and column: files have other columns
  // or types than the first. Errors of files as store::parquet_info(), CsvFile::parse().
  static Result<TableFiles> open(std::string name, std::vector<RowFile> files,
                                 const CsvOptions& csv);

  const std::string& name() const { return name_; }
  const std::vector<Column>& columns() const { return columns_; }
  const Column* find(const std::string& column) const;
  std::int64_t rows() const { return rows_; }
  // Columns that are left out, as numbers, texts, conditions and times are all that is compared.
  const std::vector<std::string>& notes() const { return notes_; }
  bool is_csv() const { return format_ == FileFormat::kCsv; }
  // A column of CSV as another type than its cells look like: their cells are texts, after all.
  void read_as(const std::string& column, types::ColumnType type);

  // All columns, in the order of columns(). `visit` gets pieces in the order of rows.
  Result<void> scan(const store::ParquetVisit& visit) const;
  // The rows at these places, in that order. Reads from the beginning of the row group or file that
  // a row is in.
  Result<types::Frame> rows(const std::vector<std::int64_t>& places) const;

 private:
  struct Part {
    RowFile file;
    std::int64_t first_row = 0, rows = 0;
    std::vector<std::int64_t> row_groups;  // rows of each; of Parquet
  };
  // False: enough.
  using Take = std::function<Result<bool>(const types::Frame& piece, std::int64_t first_row)>;

  Result<void> open_parquet(RowFile file, bool is_first);
  Result<void> open_csv(RowFile file, bool is_first,
                        std::map<std::string, TypeInference>& inferences);
  Result<void> take_columns(const RowFile& file, const std::vector<Column>& columns, bool is_first);
  char delimiter(const RowFile& file) const;
  Result<void> scan_csv(std::size_t part, const Take& take) const;
  Result<void> take_groups(std::size_t part, const std::vector<std::int64_t>& places,
                           const Take& take) const;
  // The piece with all columns in the table's types and order.
  Result<types::Frame> completed(std::size_t part, types::Frame piece) const;
  std::vector<std::string> names_in_files() const;

  std::string name_;
  FileFormat format_ = FileFormat::kParquet;
  CsvOptions csv_;
  std::vector<Part> parts_;
  std::vector<Column> columns_;            // those of the files, then partitions
  std::vector<types::Column> partitions_;  // a value a part
  std::int64_t rows_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace slipway::datasets
