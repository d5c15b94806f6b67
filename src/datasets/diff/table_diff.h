// What is different between two versions of a table: its columns, its rows by key, and how values
// are distributed. The tables may be larger than the memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "datasets/definition.h"
#include "datasets/diff/column_summary.h"
#include "datasets/diff/row_match.h"
#include "datasets/row_files.h"
#include "types/frame.h"

namespace slipway::datasets {

struct TableDiffOptions {
  // Columns whose values tell rows apart. Without: rows are the same or not by all their cells, and
  // none is changed.
  std::vector<std::string> key;
  std::size_t examples_max = 10;  // of each kind
  // For the records of rows; those that don't fit wait in a file in `scratch`, a folder that is
  // there. Beside it: some row groups or pieces of the files, and a part of the records a thread.
  std::int64_t memory_max = 256ll << 20;
  std::filesystem::path scratch = std::filesystem::temp_directory_path();
  std::size_t threads = 2;
  CsvOptions csv;
};

// Files of one version; `name` stands in messages and in the answer.
struct TableVersion {
  std::string name;
  std::vector<RowFile> files;  // as find_row_files() gives them
};

struct TypeChange {
  std::string column;
  types::ColumnType before, after;
};

struct CellChange {
  std::string column;
  Json before, after;
};

struct RowChange {
  JsonObject key;
  std::vector<CellChange> cells;
};

struct ColumnDifference {
  std::string name;
  std::int64_t changed_cells = 0;           // of changed rows; keys have none
  std::optional<JsonObject> before, after;  // summary_json(); nothing where there is no such column
  std::optional<Drift> drift;
};

struct TableDiff {
  std::string before, after;  // their names
  std::vector<std::string> key;
  std::int64_t rows_before = 0, rows_after = 0;
  std::vector<std::pair<std::string, types::ColumnType>> columns_added, columns_removed;
  std::vector<TypeChange> types_changed;
  RowCounts rows;
  std::vector<RowChange> changed_examples;
  std::vector<JsonObject> added_examples, removed_examples;
  std::vector<JsonObject> duplicate_examples;  // keys
  std::vector<ColumnDifference> columns;       // the newer version's, then removed ones
  std::int64_t sample_rows = 0;     // that drift and quantiles are of, of the larger version
  std::int64_t bytes_in_files = 0;  // of records that didn't fit into the memory
  std::vector<std::string> notes;

  // Neither columns nor rows; their order doesn't count.
  bool is_same() const;
  JsonObject to_json() const;  // docs/table_diff.md
};

// Safe to use from several threads, each with memory of its own.
//
// Rows are matched by 128 bits of their key and 64 bits of their content. Where a type has changed,
// numbers are the same by value and all else as text. kInvalidArgument: a key column is missing.
// kResourceExhausted: so many rows have one key that they alone are larger than memory_max.
// kStorageFull. Errors of files as TableFiles::open().
Result<TableDiff> diff_tables(TableVersion before, TableVersion after,
                              const TableDiffOptions& options);

}  // namespace slipway::datasets
