// Gives every text a number, so that a column of texts is a column of small numbers and a text that
// many rows have is kept once.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

namespace slipway::tracking {

// Texts are never given back. Safe for several readers or one writer; views live as long as the
// pool.
class TextPool {
 public:
  // Counts from 1.
  std::uint32_t intern(std::string_view text);
  // 0 when the pool hasn't it.
  std::uint32_t find(std::string_view text) const;
  std::string_view text(std::uint32_t code) const { return texts_[code - 1]; }

  // Codes go up to this one.
  std::uint32_t size() const { return static_cast<std::uint32_t>(texts_.size()); }
  std::size_t bytes() const;

 private:
  // Open addressing. The hash stands beside the code, so that other texts are seldom looked at.
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t code = 0;  // 0: free
  };
  static std::uint32_t hash_of(std::string_view text);
  // The slot that has the text, or the free one where it belongs.
  std::size_t slot_of(std::string_view text, std::uint32_t hash) const;
  std::string_view keep(std::string_view text);
  void grow();

  std::deque<std::string_view> texts_;  // by code
  std::vector<Slot> slots_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t block_left_ = 0;
  char* block_at_ = nullptr;
  std::size_t text_bytes_ = 0;
};

}  // namespace slipway::tracking
