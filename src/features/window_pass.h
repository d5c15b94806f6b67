// What a view of windows says of entity rows, found in one pass over its source from front to back.
// What is kept grows with the entity rows, not with the source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/big_array.h"
#include "features/entity_rows.h"
#include "features/exact_sum.h"
#include "features/source_pass.h"

namespace slipway::features {

// Views whose aggregates are all running. The windows of a key's entity rows begin and end at
// edges; a source row is added once, to the cell between two edges where its event time lies. A
// window's sum is all up to its end less all up to its begin: being exact, it has nothing left of
// what was subtracted. Minima and maxima are those of a window's cells.
//
// A row that arrived late, so that somebody asked between its two times, is missing in the windows
// of whoever asked; it goes window by window to those that it was known to (LateRows).
//
// Rows wait in buckets, by ranges of keys, until there are many: what they change then lies close
// together. One thread at a time; what is given to the constructor must outlive it.
class WindowPass {
 public:
  WindowPass(const BoundView& bound, const EntityRows& entities, types::Timestamp as_of);
  ~WindowPass();

  // False: rows of a key may be the same row twice (they come neither in the order of events nor of
  // arrivals). Somebody else must answer (KeyedRows).
  bool add(const SourcePiece& piece);

  // After the last piece. One column for each feature, by entity row; nothing as add() gives false.
  std::optional<std::vector<types::Column>> finish();

  // About what an entity row takes of memory, results included.
  static std::size_t bytes_per_row(const View& view);

 private:
  class LateRows;
  struct OfKey {
    std::int64_t event, arrival;  // of the last row
    std::uint32_t near;           // the edge found last
    std::uint32_t has_rows;
    std::int64_t after, until;  // the times of the edge before it and of its own
  };
  enum class Kind { kCount, kSum, kMean, kMin, kMax };
  struct Running {
    std::size_t aggregate;
    Kind kind;
    std::size_t missing = 0;  // in counts: rows without a number; 0: it has no input
    std::size_t number = 0;   // among sums or extremes
    std::size_t word = 0;     // of a waiting row: its input
  };
  // What cells are made of: counts[0] are rows, then by input those without a number.
  struct Shape {
    std::size_t sums = 0, extremes = 0, counts = 1;
  };
  struct Cells {
    Cells() = default;
    Cells(std::size_t size, const Shape& shape);
    ExactSum* sum(std::size_t at) { return reinterpret_cast<ExactSum*>(sums.data()) + at; }

    base::BigArray<std::byte> sums;  // ExactSum
    base::BigArray<std::uint32_t> counts;
  };
  struct Totals;
  // A waiting row: event, arrival, key, then numbers.
  using Word = std::uint64_t;
  static constexpr std::size_t kEvent = 0, kArrival = 1, kKey = 2, kNumbers = 3;

  static constexpr std::uint32_t kNoCell = EntityRows::kNoSlot;

  static double none_of(Kind kind);
  static double extreme_of(Kind kind, double a, double b);
  std::uint32_t first_edge(std::uint32_t slot) const {
    return slot * static_cast<std::uint32_t>(spans_.size() + 1);
  }
  std::size_t values_per_slot() const { return running_.size() * spans_.size(); }
  std::size_t bytes_per_cell() const;
  void make_edges();
  bool is_in_order(OfKey& last, std::int64_t event, std::int64_t arrival);
  bool run(std::size_t bucket);
  std::optional<std::uint32_t> find_cell(const Word* row);
  void add(const Word* row, std::size_t cell);
  void add_up(std::uint32_t key, Totals& totals);
  void find_extremes(const Running& running, std::uint32_t key, std::size_t span,
                     double* values) const;
  base::BigArray<double> values();

  const BoundView& bound_;
  const EntityRows& entities_;
  const types::Timestamp as_of_;
  std::vector<std::int64_t> spans_;            // lengths of windows, ascending, each once
  std::vector<std::size_t> of_window_;         // the span of each
  std::vector<Running> running_, with_input_;  // count() has none
  Shape shape_;
  std::size_t words_ = kNumbers;              // of a waiting row
  bool by_event_ = true, by_arrival_ = true;  // the order in which rows of every key came so far
  std::vector<OfKey> keys_;
  int keys_shift_ = 0;  // a key's bucket
  std::size_t rows_per_bucket_ = 0;
  base::BigArray<Word> waiting_;           // by bucket
  std::vector<std::size_t> waiting_rows_;  // in each bucket
  base::BigArray<std::int64_t> edges_;     // times, by key and ascending
  // By slot: the edge where it is asked, then by span the one where its window begins.
  base::BigArray<std::uint32_t> places_;
  Cells cells_;  // by edge: rows after the edge before it, and up to it
  std::vector<double> extremes_;
  std::unique_ptr<LateRows> late_;
};

}  // namespace slipway::features
