// Texts that are kept but must not be readable where they are kept.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/random.h"
#include "base/result.h"

namespace slipway::base {

// Seals texts with AES-256-GCM under one key. Safe to use from several threads; `random` must
// outlive it.
class SecretBox {
 public:
  // `secret` of any length; the key is its SHA-256.
  SecretBox(std::string_view secret, Random& random) : key_(sha256(secret)), random_(random) {}

  // Printable. `context` is not in it, but must be the same when it is opened: what the text
  // belongs to, so that it cannot be moved elsewhere.
  std::string seal(std::string_view text, std::string_view context) const;
  // kCorruption: another key, another context, or changed bytes.
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

 private:
  const Sha256Digest key_;
  Random& random_;
};

}  // namespace slipway::base
