// CSV files as columns: RFC 4180, a header, types as told or as all cells have them. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "types/frame.h"

namespace slipway::datasets {

struct CsvOptions {
  char delimiter = ',';
  std::vector<std::string> missing;  // texts that mean a missing value, beside the empty cell
  bool operator==(const CsvOptions&) const = default;
};

// One cell, in its file. A quoted one is never missing: "" is an empty text.
struct CsvCell {
  std::string_view text;
  bool is_quoted = false;
};

// The cells of one file. Owns its text; movable, as the cells look into it.
class CsvFile {
 public:
  // `name` stands in messages. With `names` the text has no header. kInvalidArgument with file and
  // line: a row of another length, a quote without its end, a name twice, no UTF-8.
  static Result<CsvFile> parse(std::string name, std::string text, char delimiter,
                               std::vector<std::string> names = {});

  // Where in a file a text begins that is a piece of it.
  struct Place {
    std::vector<std::string> columns;  // empty: the header comes
    std::size_t line = 1;
    bool is_last = false;  // the file ends with the text
  };
  // A piece of a file with a header. A last row that the text may not have the end of is left out:
  // bytes() says where it begins. Errors as parse().
  static Result<CsvFile> parse_piece(std::string name, std::string text, char delimiter,
                                     Place place);
  std::size_t bytes() const { return bytes_; }          // of the text that were read
  std::size_t next_line() const { return next_line_; }  // where the text behind them begins

  const std::string& name() const { return name_; }
  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t rows() const { return lines_.size(); }
  const CsvCell& cell(std::size_t row, std::size_t column) const {
    return cells_[row * columns_.size() + column];
  }
  std::size_t line(std::size_t row) const { return lines_[row]; }  // from 1

 private:
  enum class EmptyLines { kNoRows, kRowsOfOneColumn };
  static Result<CsvFile> parse_text(std::string name, std::string text, char delimiter, Place place,
                                    EmptyLines empty_lines);

  std::string name_;
  std::size_t bytes_ = 0, next_line_ = 1;
  std::unique_ptr<const std::string> text_;
  std::vector<std::unique_ptr<const std::string>> unquoted_;  // cells that had doubled quotes
  std::vector<std::string> columns_;
  std::vector<CsvCell> cells_;
  std::vector<std::size_t> lines_;
};

// What all of a column's cells are, seen one after the other.
class TypeInference {
 public:
  void see(const CsvCell& cell, const std::vector<std::string>& missing);
  bool has_seen() const { return seen_; }  // a value
  bool is_decided() const { return !is_int_ && !is_double_ && !is_bool_ && !is_time_; }
  // As typed_column() says; of nothing but missing values: as Parquet's null columns are read.
  types::ColumnType type() const;

 private:
  bool seen_ = false, is_int_ = true, is_double_ = true, is_bool_ = true, is_time_ = true;
};

// The cells of a column that are on hand for typed_column(), each with where it is.
class Cells {
 public:
  virtual ~Cells() = default;
  virtual std::size_t size() const = 0;
  virtual CsvCell cell(std::size_t at) const = 0;
  virtual std::string place(std::size_t at) const = 0;  // "file=a.csv line=3"
};

// Cells as a column of `type`; without one the narrowest of int64 (no leading zeros), double, bool
// (true, false), timestamp (RFC 3339; without a zone UTC) and string that holds them all.
// kInvalidArgument with place, column and, if it is told, cell: it is not of that type.
enum class BadCell { kTell, kHide };
Result<types::Column> typed_column(const std::string& name, const Cells& cells,
                                   std::optional<types::ColumnType> type,
                                   const std::vector<std::string>& missing,
                                   BadCell bad = BadCell::kTell);

// All rows of files with the same columns (in any order), the columns in the order of the first.
// `types`: of columns that are known. `hidden`: columns whose cells no message has.
// kInvalidArgument naming file, line and column.
Result<types::Frame> read_csv(const std::vector<CsvFile>& files,
                              const std::map<std::string, types::ColumnType>& types,
                              const std::vector<std::string>& missing,
                              const std::set<std::string>& hidden = {});

}  // namespace slipway::datasets
