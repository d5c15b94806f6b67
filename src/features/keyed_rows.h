// Rows of a source by key, in columns: what ViewIndex is for rows that come one by one, read
// through the same evaluator (window_reader.h). Training sets are read from it where one pass over
// the source (source_pass.h) can't answer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "features/key_codes.h"
#include "features/view_index.h"
#include "types/frame.h"

namespace slipway::features {

// Reading is safe from several threads.
class KeyedRows {
 public:
  // `columns`: the source's, in the order the view was bound to; those it doesn't read may be null;
  // they must outlive this. Rows that arrived after `as_of` are left out. `identity` tells apart
  // rows of one key that are equal in both times; it is asked for those alone.
  KeyedRows(const BoundView& bound, std::span<const types::Column* const> columns, std::size_t rows,
            types::Timestamp as_of, const std::function<std::uint64_t(std::size_t)>& identity);

  // One column per feature of the view: for each of `rows` entity rows what is known of its key
  // (`keys`: its columns) at its time.
  std::vector<types::Column> read(std::span<const types::Column* const> keys,
                                  std::span<const std::int64_t> times) const;

 private:
  static constexpr std::size_t kOne = static_cast<std::size_t>(-1);  // count(): every row is 1

  struct OfKey;
  struct Row {
    std::int64_t event, arrival;
    std::uint32_t at;  // position in the source
  };

  OfKey rows_of(std::uint32_t key) const;
  // Positions of entity rows in an order that asks about one key after the other, so that a key's
  // rows are in the cache for all of them.
  std::vector<std::uint32_t> by_key(const std::vector<std::uint32_t>& keys) const;
  std::vector<types::Column> read_latest(const std::vector<std::uint32_t>& keys,
                                         std::span<const std::int64_t> times) const;
  std::vector<types::Column> read_windowed(const std::vector<std::uint32_t>& keys,
                                           std::span<const std::int64_t> times) const;
  static bool is_before(const Row& a, const Row& b) {
    return a.event != b.event ? a.event < b.event : a.arrival < b.arrival;
  }
  bool is_sorted(std::uint32_t begin, std::uint32_t end) const;
  // Fills `untils_`.
  void find_corrections();
  // Returns where the key's rows end; equal ones are left out.
  std::uint32_t sort_key(std::uint32_t begin, std::uint32_t end,
                         const std::function<std::uint64_t(std::size_t)>& identity);

  const BoundView& bound_;
  const std::vector<const types::Column*> columns_;
  KeyCodes keys_;
  // By key, then in the order of event time, arrival time and identity:
  std::unique_ptr<Row[]> rows_;
  std::vector<std::uint32_t> starts_, ends_;  // of each key
  std::vector<std::int64_t> untils_;          // when rows no longer count; none: they all do
  // Windowed views. What running aggregates read lies together for each row, in the same order:
  // what a row brings into the cache is all that a window asks of it. Collected ones read cells in
  // the source's order.
  std::unique_ptr<double[]> numbers_;
  std::vector<std::size_t> slots_;  // by input: its place among a row's numbers, or kOne
  std::size_t numbers_per_row_ = 0;
  std::vector<types::Column> cells_;  // by input
};

}  // namespace slipway::features
