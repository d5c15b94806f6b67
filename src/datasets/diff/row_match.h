// Which rows of two tables are the same, changed, added or removed: by their records. Pure, but for
// what records read from their file.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "datasets/diff/row_records.h"

namespace slipway::datasets {

// Where rows are, from 0 in each table; -1: in none.
struct RowPair {
  std::int64_t before = -1, after = -1;
  bool operator==(const RowPair&) const = default;
};

// The `most` pairs that are nearest to the beginnings of both tables: they are read without reading
// all the rest.
class NearestPairs {
 public:
  explicit NearestPairs(std::size_t most) : most_(most) {}
  void add(RowPair pair);
  void add(const NearestPairs& others);
  std::vector<RowPair> sorted() const;  // by where they are before, then after

 private:
  void shrink();

  std::size_t most_;
  std::vector<RowPair> pairs_;
};

struct RowCounts {
  std::int64_t added = 0, removed = 0, changed = 0, unchanged = 0;
  // Keys that more than one row of a table has, and the rows that have them.
  std::int64_t duplicate_keys = 0, duplicate_rows_before = 0, duplicate_rows_after = 0;
  std::vector<std::int64_t> changed_cells;  // of each compared column

  void add(const RowCounts& others);
};

struct RowMatches {
  RowMatches(std::size_t cells, std::size_t examples_max);
  void add(const RowMatches& others);

  RowCounts counts;
  NearestPairs added, removed, changed;
  NearestPairs duplicates;  // a row of each key, of the table where it is there more than once
};

// With a key, rows of the same key are one row that may have changed. Where one table has a key
// more than once, its rows are matched as without a key: those of the same content are unchanged,
// others are added or removed.
enum class MatchBy { kKey, kContent };

// Adds what a part of both tables says.
void match_rows(const RowRecords::Part& before, const RowRecords::Part& after, MatchBy by,
                RowMatches& matches);

}  // namespace slipway::datasets
