#include "tracking/text_pool.h"

#include <cstring>
#include <functional>

namespace slipway::tracking {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16;
constexpr std::size_t kSlotsMin = 64;

}  // namespace

std::uint32_t TextPool::intern(std::string_view text) {
  if ((texts_.size() + 1) * 2 > slots_.size()) grow();
  std::uint32_t& slot = slots_[slot_of(text)];
  if (slot == 0) {
    texts_.push_back(keep(text));
    slot = size();
  }
  return slot;
}

std::uint32_t TextPool::find(std::string_view text) const {
  return slots_.empty() ? 0 : slots_[slot_of(text)];
}

std::size_t TextPool::bytes() const {
  return text_bytes_ + texts_.size() * sizeof(std::string_view) +
         slots_.capacity() * sizeof(std::uint32_t);
}

std::size_t TextPool::slot_of(std::string_view text) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = std::hash<std::string_view>()(text) & mask;
  while (slots_[at] != 0 && texts_[slots_[at] - 1] != text) at = (at + 1) & mask;
  return at;
}

std::string_view TextPool::keep(std::string_view text) {
  if (text.size() > block_left_) {
    const std::size_t bytes = std::max(kBlockBytes, text.size());
    block_at_ = blocks_.emplace_back(std::make_unique_for_overwrite<char[]>(bytes)).get();
    block_left_ = bytes;
    text_bytes_ += bytes;
  }
  if (text.empty()) return {};
  std::memcpy(block_at_, text.data(), text.size());
  const std::string_view kept(block_at_, text.size());
  block_at_ += text.size();
  block_left_ -= text.size();
  return kept;
}

void TextPool::grow() {
  slots_.assign(std::max(kSlotsMin, slots_.size() * 2), 0);
  for (std::uint32_t code = 1; code <= size(); ++code) slots_[slot_of(text(code))] = code;
}

}  // namespace slipway::tracking
