// Bytes that came from a socket and are not used up yet.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"

namespace slipway::http {

// One piece of memory, filled at the end and consumed at the front. Views of unread() stay good
// until room() or release(); consume() leaves the bytes where they are.
class ReadBuffer {
 public:
  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  // At least `bytes` of free space: moves what is unread to the front, and grows if it must.
  std::span<char> room(std::size_t bytes) {
    if (empty()) begin_ = end_ = 0;
    if (capacity_ - end_ < bytes) make_room(bytes);
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t bytes) {
    DCHECK(bytes <= capacity_ - end_);
    end_ += bytes;
  }
  void consume(std::size_t bytes) {
    DCHECK(bytes <= end_ - begin_);
    begin_ += bytes;
  }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  // Gives the memory back; unread bytes are lost.
  void release() { *this = ReadBuffer(); }

 private:
  void make_room(std::size_t bytes) {
    const std::size_t held = end_ - begin_;
    if (held + bytes > capacity_) {
      const std::size_t capacity = std::max(capacity_ * 2, held + bytes);
      auto grown = std::make_unique_for_overwrite<char[]>(capacity);
      if (held > 0) std::memcpy(grown.get(), bytes_.get() + begin_, held);
      bytes_ = std::move(grown);
      capacity_ = capacity;
    } else {
      std::memmove(bytes_.get(), bytes_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace slipway::http
