// Positions of rows in a source, each once, however large the source is.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace slipway::features {

// Positions are added in any order; after finish() each has a number, 0, 1, 2, ... in ascending
// order. One thread at a time.
class RowSet {
 public:
  void add(std::uint64_t row) {
    const auto word = static_cast<std::size_t>(row / 64);
    if (word >= bits_.size()) bits_.resize(word + 1 + word / 2);
    bits_[word] |= 1ull << row % 64;
  }
  void finish() {
    before_.clear();
    std::uint32_t rows = 0;
    for (const std::uint64_t word : bits_) {
      before_.push_back(rows);
      rows += static_cast<std::uint32_t>(std::popcount(word));
    }
    size_ = rows;
  }
  std::size_t size() const { return size_; }
  // Of a row that is among them.
  std::uint32_t number(std::uint64_t row) const {
    const auto word = static_cast<std::size_t>(row / 64);
    return before_[word] +
           static_cast<std::uint32_t>(std::popcount(bits_[word] & ((1ull << row % 64) - 1)));
  }
  // Those from `first` on, of `rows` rows, relative to `first`.
  std::vector<std::size_t> in(std::uint64_t first, std::size_t rows) const {
    std::vector<std::size_t> some;
    for (std::uint64_t row = first; row < first + rows;) {
      const auto word = static_cast<std::size_t>(row / 64);
      if (word >= bits_.size()) break;
      const std::uint64_t left = bits_[word] >> row % 64;
      if (left == 0) {
        row = (row / 64 + 1) * 64;
        continue;
      }
      row += static_cast<std::uint64_t>(std::countr_zero(left));
      if (row < first + rows) some.push_back(static_cast<std::size_t>(row - first));
      ++row;
    }
    return some;
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> before_;  // by word: how many are in the words before
  std::size_t size_ = 0;
};

}  // namespace slipway::features
