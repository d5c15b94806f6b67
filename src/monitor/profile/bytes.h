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
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = TRY(byte());
      if (shift == 63 && next > 1) return broken();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    return broken();
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
  Result<std::string_view> text() {
    const std::uint64_t size = TRY(varint(bytes_.size()));
    if (size > bytes_.size()) return broken();
    const std::string_view value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }
  static Error broken() {
    return base::error(Code::kCorruption, "a stored profile makes no sense");
  }

 private:
  std::string_view bytes_;
};

}  // namespace slipway::monitor
