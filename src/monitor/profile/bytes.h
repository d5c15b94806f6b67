// Numbers as bytes, for what sketches are stored as: docs/formats/profiles.md.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::monitor {

class ByteWriter {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  // Seven bits a byte, the lowest first.
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }
  void real(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<std::uint8_t>(bits >> shift));
  }
  void text(std::string_view value) {
    varint(value.size());
    bytes_.append(value);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Every read checks what is left: kCorruption.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size(); }
  Result<std::uint8_t> byte() {
    if (bytes_.empty()) return broken();
    const auto value = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return value;
  }
  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    if (!read_varint(value)) return broken();
    return value;
  }
  // False: broken. For the long rows of numbers that sketches are.
  bool read_varint(std::uint64_t& value) {
    constexpr std::uint64_t kMore = 0x8080808080808080;
    if (bytes_.size() < sizeof value) return read_long_varint(value, 0, 0);
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data(), sizeof word);
    const std::uint64_t ends = ~word & kMore;  // the bytes after which nothing follows
    if (ends != 0) word &= ends ^ (ends - 1);
    word &= ~kMore;
    word = (word & 0x007f007f007f007f) | (word & 0x7f007f007f007f00) >> 1;
    word = (word & 0x00003fff00003fff) | (word & 0x3fff00003fff0000) >> 2;
    word = (word & 0x000000000fffffff) | (word & 0x0fffffff00000000) >> 4;
    if (ends == 0) return read_long_varint(value, word, sizeof word);
    bytes_.remove_prefix(static_cast<std::size_t>(std::countr_zero(ends)) / 8 + 1);
    value = word;
    return true;
  }
  // At most `max`.
  Result<std::uint64_t> varint(std::uint64_t max) {
    const std::uint64_t value = TRY(varint());
    if (value > max) return broken();
    return value;
  }
  Result<double> real() {
    std::uint64_t bits = 0;
    for (int shift = 0; shift < 64; shift += 8) bits |= std::uint64_t{TRY(byte())} << shift;
    return std::bit_cast<double>(bits);
  }
  Result<std::string_view> text() { return bytes(TRY(varint())); }
  Result<std::string_view> bytes(std::uint64_t size) {
    if (size > bytes_.size()) return broken();
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }
  static Error broken() {
    return base::error(Code::kCorruption, "a stored profile makes no sense");
  }

 private:
  static_assert(std::endian::native == std::endian::little);
  // A byte at a time, from number `at` on; `value` is what those before it say.
  bool read_long_varint(std::uint64_t& value, std::uint64_t known, std::size_t at) {
    value = known;
    for (; at < bytes_.size() && at < 10; ++at) {
      const auto next = static_cast<unsigned char>(bytes_[at]);
      if (at == 9 && next > 1) return false;
      value |= std::uint64_t{next & 0x7fU} << (7 * at);
      if (next >= 0x80) continue;
      bytes_.remove_prefix(at + 1);
      return true;
    }
    return false;
  }

  std::string_view bytes_;
};

}  // namespace slipway::monitor
