// Digests and text encodings of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::base {

std::string to_hex(std::span<const std::byte> bytes);
// kInvalidArgument for an odd length or a character that is no hex digit.
Result<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

using Sha256Digest = std::array<std::byte, 32>;

// SHA-256 (FIPS 180-4) of bytes that come in pieces: our content address. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(std::string_view bytes);
  // The object is spent afterwards.
  Sha256Digest finish();
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// MD5 (RFC 1321) of bytes that come in pieces, where others name content by it. One thread at a
// time.
class Md5 {
 public:
  Md5();
  ~Md5();

  Md5& update(std::string_view bytes);
  std::string finish_hex();  // the object is spent afterwards

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

Sha256Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
std::string md5_hex(std::string_view bytes);
// HMAC with SHA-256 (RFC 2104).
Sha256Digest hmac_sha256(std::string_view key, std::string_view message);

// Fast and stable across machines and versions (xxHash64): routing and lookup tables, never content
// addresses.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace slipway::base
