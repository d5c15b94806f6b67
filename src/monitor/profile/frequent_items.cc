#include "monitor/profile/frequent_items.h"

#include <algorithm>

#include "base/hash.h"

namespace slipway::monitor {
namespace {

// UTF-8 is not cut inside a character.
std::string_view cut(std::string_view text) {
  if (text.size() <= FrequentItems::kTextBytesMax) return text;
  std::size_t end = FrequentItems::kTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

std::size_t FrequentItems::Hash::operator()(std::string_view text) const {
  return base::hash64(text);
}

void FrequentItems::add(std::string_view text, std::uint64_t count) {
  text = cut(text);
  total_ += count;
  if (const auto found = counts_.find(text); found != counts_.end()) {
    found->second += count;
    return;
  }
  counts_.emplace(text, count);
  if (counts_.size() > 2 * kCounters) forget();
}

void FrequentItems::forget() {
  std::vector<std::uint64_t> sizes;
  for (const auto& [text, count] : counts_) sizes.push_back(count);
  std::nth_element(sizes.begin(), sizes.begin() + kCounters, sizes.end(), std::greater<>());
  const std::uint64_t lost = sizes[kCounters];
  error_ += lost;
  for (auto one = counts_.begin(); one != counts_.end();) {
    if (one->second <= lost) {
      one = counts_.erase(one);
    } else {
      one->second -= lost;
      ++one;
    }
  }
}

void FrequentItems::merge(const FrequentItems& other) {
  total_ += other.total_;
  error_ += other.error_;
  for (const auto& [text, count] : other.counts_) counts_[text] += count;
  if (counts_.size() > 2 * kCounters) forget();
}

std::vector<FrequentItems::Item> FrequentItems::top(std::size_t limit) const {
  std::vector<Item> items;
  for (const auto& [text, count] : counts_) items.push_back({text, count, count + error_});
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return a.count_min != b.count_min ? a.count_min > b.count_min : a.text < b.text;
  });
  if (items.size() > limit) items.resize(limit);
  return items;
}

void FrequentItems::write(ByteWriter& out) const {
  out.varint(total_);
  out.varint(error_);
  const std::vector<Item> items = top(counts_.size());
  out.varint(items.size());
  for (const Item& item : items) {
    out.text(item.text);
    out.varint(item.count_min);
  }
}

Result<FrequentItems> FrequentItems::read(ByteReader& in) {
  FrequentItems items;
  items.total_ = TRY(in.varint());
  items.error_ = TRY(in.varint(items.total_));
  const std::uint64_t size = TRY(in.varint(2 * kCounters));
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::string_view text = TRY(in.text());
    const std::uint64_t count = TRY(in.varint(items.total_ - sum));
    if (count == 0 || text.size() > kTextBytesMax) return in.broken();
    sum += count;
    if (!items.counts_.emplace(text, count).second) return in.broken();
  }
  return items;
}

}  // namespace slipway::monitor
