// Keys of whole columns as small whole numbers, so that a join compares numbers and counts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "types/frame.h"

namespace slipway::features {

// The keys of a source's rows: 0, 1, 2, ... in the order in which they come. Keys are equal when
// key_of() would write them alike (view_index.h): the number 7 and the text "7" are one key; whole
// numbers are exact in all 64 bits.
class KeyCodes {
 public:
  static constexpr std::uint32_t kMissing = 0xffffffff;  // a cell of the key is
  static constexpr std::uint32_t kUnknown = 0xfffffffe;

  // `columns`: one or more of equal length, which must outlive this.
  explicit KeyCodes(std::span<const types::Column* const> columns);
  ~KeyCodes();
  KeyCodes(KeyCodes&&) noexcept;

  std::size_t size() const { return size_; }  // different keys
  // By row; or kMissing. Once.
  std::vector<std::uint32_t> take_codes() { return std::move(codes_); }
  // The codes of other rows; or kMissing, or kUnknown for keys that aren't among these.
  std::vector<std::uint32_t> find(std::span<const types::Column* const> columns) const;

 private:
  class CellCodes;
  class PairCodes;

  std::vector<std::unique_ptr<CellCodes>> cells_;  // by column
  std::vector<std::unique_ptr<PairCodes>> pairs_;  // of what came before and column 1, 2, ...
  std::vector<std::uint32_t> codes_;
  std::size_t size_ = 0;
};

}  // namespace slipway::features
