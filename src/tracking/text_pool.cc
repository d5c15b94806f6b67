#include "tracking/text_pool.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace slipway::tracking {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16;
constexpr std::size_t kSlotsMin = 64;

}  // namespace

std::uint32_t TextPool::intern(std::string_view text) {
  if ((texts_.size() + 1) * 2 > slots_.size()) grow();
  const std::uint32_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.code == 0) {
    texts_.push_back(keep(text));
    slot = {hash, size()};
  }
  return slot.code;
}

std::uint32_t TextPool::find(std::string_view text) const {
  return slots_.empty() ? 0 : slots_[slot_of(text, hash_of(text))].code;
}

std::size_t TextPool::bytes() const {
  return text_bytes_ + texts_.size() * sizeof(std::string_view) + slots_.capacity() * sizeof(Slot);
}

std::uint32_t TextPool::hash_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(text));
}

std::size_t TextPool::slot_of(std::string_view text, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].code != 0 && (slots_[at].hash != hash || texts_[slots_[at].code - 1] != text))
    at = (at + 1) & mask;
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
  const std::vector<Slot> before =
      std::exchange(slots_, std::vector<Slot>(std::max(kSlotsMin, slots_.size() * 2)));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : before) {
    if (slot.code == 0) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].code != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace slipway::tracking
