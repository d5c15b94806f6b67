#include "base/random.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/hash.h"

namespace slipway::base {

std::uint64_t Random::next_u64() {
  std::uint64_t value = 0;
  fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::string Random::hex(std::size_t bytes) {
  std::vector<std::byte> buffer(bytes);
  fill(buffer);
  return to_hex(buffer);
}

void SystemRandom::fill(std::span<std::byte> out) {
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) ==
        1);
}

void SeededRandom::fill(std::span<std::byte> out) {
  MutexLock lock(mutex_);
  for (std::size_t at = 0; at < out.size(); at += 8) {
    state_ += 0x9E3779B97F4A7C15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    std::memcpy(out.data() + at, &z, std::min<std::size_t>(8, out.size() - at));
  }
}

}  // namespace slipway::base
