// Checksums that clients of object stores send with what they upload: against accidents on the way,
// never content addresses.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace slipway::base {

enum class ChecksumKind { kCrc32, kCrc32c, kCrc64Nvme, kSha1, kSha256 };

// Of bytes that come in pieces. One thread at a time.
class Checksum {
 public:
  explicit Checksum(ChecksumKind kind);
  ~Checksum();
  Checksum(Checksum&&) noexcept;
  Checksum& operator=(Checksum&&) noexcept;

  Checksum& update(std::string_view bytes);
  // Its bytes, those of a CRC with the highest first. The object is spent afterwards.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace slipway::base
