// One reading of one version of a table: records of its rows, and what its columns look like.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "datasets/diff/cell_hash.h"
#include "datasets/diff/column_summary.h"
#include "datasets/diff/row_records.h"
#include "datasets/diff/table_files.h"

namespace slipway::datasets {

// A column that both versions have: with the same `seed`, the same values have the same hashes.
struct SharedColumn {
  std::string name;
  CompareAs as = CompareAs::kValue;
  bool is_key = false;
};

class TablePass {
 public:
  // `shared` is the same for both versions. Without a key among it, rows are told apart by all of
  // it.
  TablePass(const TableFiles& table, const std::vector<SharedColumn>& shared,
            RowRecords::Options records);

  // Errors as TableFiles::scan() and RowRecords::add().
  Result<void> run();

  const RowRecords& records() const { return records_; }
  const std::vector<ColumnSummary>& summaries() const { return summaries_; }
  const RowSample& sample() const { return sample_; }

 private:
  Result<void> take(const types::Frame& piece, std::int64_t first_row);
  void sort_by_part();

  const TableFiles& table_;
  struct Column {
    std::uint64_t seed = 0;
    CompareAs as = CompareAs::kValue;
    bool is_shared = false, is_key = false;
    std::size_t cell = 0;  // which of a record's cells it is; of shared columns that are no key
  };
  std::vector<Column> columns_;  // of the table's columns
  const bool has_key_;
  RowRecords records_;
  std::vector<ColumnSummary> summaries_;
  RowSample sample_;
  // Of the piece that is looked at.
  std::vector<std::uint64_t> hashes_, second_hashes_, contents_;
  std::vector<RowKey> keys_;
  std::vector<std::uint32_t> cells_;
  std::vector<std::uint64_t> order_;
  std::vector<std::uint32_t> by_part_, ends_;  // rows in the order of their parts
};

}  // namespace slipway::datasets
