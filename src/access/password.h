// Passwords as they are stored: scrypt (RFC 7914), which costs an attacker memory as well as time.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

namespace slipway::access {

// Of a password, in bytes; longer than this is no password that anybody types.
inline constexpr std::size_t kPasswordBytesMin = 12, kPasswordBytesMax = 1024;

// kInvalidArgument in MLflow's words: too short, or too long.
Result<void> check_password(std::string_view password);

// "scrypt$15$8$1$<salt>$<key>": cost as a power of two, block size, lanes, both others base64.
// Slow on purpose: some 80 ms and 32 MB.
std::string hash_password(std::string_view password, base::Random& random);

// Whether `password` is the one. As slow as hashing. False also for a text that is no such hash.
bool verify_password(std::string_view password, std::string_view stored);

}  // namespace slipway::access
