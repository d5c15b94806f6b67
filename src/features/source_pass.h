// What a view says of entity rows, found in one pass over its source from front to back. What is
// kept grows with the entity rows, not with the source: that is read a piece at a time and
// forgotten.
// (window_pass.h does the same for views of windows.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "features/entity_rows.h"
#include "features/view_index.h"
#include "features/window_reader.h"
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
  std::int64_t event(std::size_t row) const {
    return event_ == nullptr ? kAlways : event_->ints[row];
  }
  std::int64_t arrival(std::size_t row) const {
    return arrival_ == nullptr ? kAlways : arrival_->ints[row];
  }

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

}  // namespace slipway::features
