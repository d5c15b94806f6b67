// What a view says of entity rows, found in one pass over its source from front to back. What is
// kept grows with the entity rows, not with the source: that is read a piece at a time and
// forgotten.
//
// An event is known from the later of its two times on, so it counts for a run of its key's
// entity rows: from the first that is asked at or after that moment until the window, or the next
// event, is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/big_array.h"
#include "features/entity_rows.h"
#include "features/exact_sum.h"
#include "features/view_index.h"
#include "types/frame.h"

namespace slipway::features {

// A piece of a source: its columns in the order that the view was bound to; those it doesn't read
// may be null.
struct SourcePiece {
  std::span<const types::Column* const> columns;
  std::size_t rows = 0;
  std::size_t first_row = 0;  // position in the source
};

// Rows of a piece that count for anybody: with a key that is asked for, both times, and arrived by
// then. Rows of sources without times are known always.
class KnownRows {
 public:
  KnownRows(const BoundView& bound, const EntityRows& entities, const SourcePiece& piece,
            types::Timestamp as_of);

  std::size_t size() const { return keys_.size(); }
  std::uint32_t key(std::size_t row) const { return keys_[row]; }
  bool is_known(std::size_t row) const {
    if (keys_[row] >= KeyCodes::kUnknown) return false;
    return event_ == nullptr ||
           (arrival_->ints[row] <= as_of_ && arrival_->is_valid(row) && event_->is_valid(row));
  }
  std::int64_t event(std::size_t row) const;
  std::int64_t arrival(std::size_t row) const;

 private:
  const std::vector<std::uint32_t> keys_;
  const types::Column *event_ = nullptr, *arrival_ = nullptr;
  const std::int64_t as_of_;
};

// Views of newest rows: for each entity row the position of the row that counts. One thread at a
// time; what is given to the constructor must outlive it.
class NewestPass {
 public:
  static constexpr std::uint64_t kNothing = static_cast<std::uint64_t>(-1);

  NewestPass(const BoundView& bound, const EntityRows& entities, types::Timestamp as_of);

  void add(const SourcePiece& piece);

  // After the last piece: rows of a key that are equal in both times and newest for somebody;
  // ascending. Their identities decide.
  std::vector<std::uint64_t> ties();
  // `identities` of ties(), in that order. By entity row, kNothing where there is none.
  std::vector<std::uint64_t> finish(std::span<const std::uint64_t> ties,
                                    std::span<const std::uint64_t> identities);

 private:
  struct Newest {
    std::int64_t event = 0, arrival = 0;
    std::uint64_t row = kNothing;
  };
  struct Tie {
    std::uint32_t slot;
    Newest newest;
  };

  void drop_old_ties();

  const BoundView& bound_;
  const EntityRows& entities_;
  const types::Timestamp as_of_;
  std::vector<std::uint32_t> near_;  // by key: the slot found last
  std::vector<Newest> newest_;       // by slot, of the events known from there on
  std::vector<Tie> ties_;            // as new as newest_, or were once
  std::size_t ties_max_;             // then the old ones are dropped
};

// Windowed views whose aggregates are all running. Sums and counts change at two places for each
// event and span of age, where it begins to count and where it ends, whatever lies between; being
// exact they have nothing left of it after.
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
  struct OfKey {
    std::int64_t event, arrival;  // of the last row
    std::uint32_t near;           // the slot found last
    std::uint32_t has_rows;
  };
  enum class Kind { kCount, kSum, kMean, kMin, kMax };
  struct Running {
    std::size_t aggregate;
    Kind kind;
    std::size_t count;       // in a cell's counts: rows without a number
    std::size_t number = 0;  // among sums or extremes
    std::size_t word = 0;    // of a waiting row: its input, where it has one
  };
  // A waiting row: event, arrival, key, then numbers.
  using Word = std::uint64_t;
  static constexpr std::size_t kEvent = 0, kArrival = 1, kKey = 2, kNumbers = 3;

  bool run(std::size_t bucket);
  void fetch(std::size_t bucket) const;
  void change(const Word* row, std::size_t span, std::uint32_t from, std::uint32_t to,
              bool is_last);
  std::vector<double> values() const;
  static double none_of(Kind kind);
  static double extreme_of(Kind kind, double a, double b);
  bool is_in_order(OfKey& last, std::int64_t event, std::int64_t arrival);
  std::size_t cell(std::uint32_t slot, std::size_t span) const {
    return std::size_t{slot} * spans_.size() + span;
  }

  const BoundView& bound_;
  const EntityRows& entities_;
  const types::Timestamp as_of_;
  std::vector<std::int64_t> spans_;                   // lengths of windows, ascending, each once
  std::vector<std::size_t> ends_;                     // by window: how many spans it has
  std::vector<Running> running_, with_input_;         // count() has none
  std::size_t sums_ = 0, extremes_ = 0, counts_ = 0;  // of a cell
  std::size_t words_ = kNumbers;                      // of a waiting row
  bool by_event_ = true, by_arrival_ = true;  // the order in which rows of every key came so far
  std::vector<OfKey> keys_;
  int keys_shift_ = 0;  // a key's bucket
  std::size_t rows_per_bucket_ = 0;
  base::BigArray<Word> waiting_;           // by bucket
  std::vector<std::size_t> waiting_rows_;  // in each bucket
  // By slot and span of ages: what changes there; extremes: of the rows of that age.
  base::BigArray<std::byte> sum_cells_;       // ExactSum
  base::BigArray<std::int32_t> count_cells_;  // rows, then by aggregate those without a number
  std::vector<double> extreme_cells_;
};

}  // namespace slipway::features
