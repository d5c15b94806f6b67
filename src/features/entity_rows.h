// The rows of a training set by key and time: what a pass over a source's rows looks for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "features/key_codes.h"
#include "types/frame.h"

namespace slipway::features {

// The first in [begin, end) of ascending `times` that is at least `time`, or `end`. `near`: where
// it may be close to.
std::uint32_t first_time_from(const std::int64_t* times, std::uint32_t begin, std::uint32_t end,
                              std::int64_t time, std::uint32_t near);

// Entity rows that have a key lie in slots, by key and then by time. Reading is safe from several
// threads.
class EntityRows {
 public:
  static constexpr std::uint32_t kNoSlot = 0xffffffff;

  // The key columns and the times of all entity rows, which must outlive this.
  EntityRows(std::span<const types::Column* const> keys, std::span<const std::int64_t> times);

  std::size_t size() const { return slots_.size(); }       // entity rows
  std::size_t slots() const { return times_.size(); }      // those with a key
  std::size_t keys() const { return starts_.size() - 1; }  // different ones
  // The codes of a source's rows, 0 to keys() - 1; or KeyCodes::kMissing or kUnknown.
  std::vector<std::uint32_t> find(std::span<const types::Column* const> columns) const {
    return codes_.find(columns);
  }
  std::uint32_t begin(std::uint32_t key) const { return starts_[key]; }
  std::uint32_t end(std::uint32_t key) const { return starts_[key + 1]; }
  std::int64_t time(std::uint32_t slot) const { return times_[slot]; }
  const std::int64_t* time_at(std::uint32_t slot) const { return &times_[slot]; }
  // Of an entity row; kNoSlot: it has no key.
  std::uint32_t slot(std::size_t row) const { return slots_[row]; }
  // The first of the key's slots with a time of at least `time`, or its end. `near`: one of the
  // key's slots, or its end, that may be close.
  std::uint32_t first_from(std::uint32_t key, std::int64_t time, std::uint32_t near) const {
    return first_time_from(times_.data(), starts_[key], starts_[key + 1], time, near);
  }

 private:
  KeyCodes codes_;
  std::vector<std::uint32_t> starts_;  // of each key; and the end
  std::vector<std::int64_t> times_;    // by slot
  std::vector<std::uint32_t> slots_;   // by entity row
};

}  // namespace slipway::features
