// Randomness, as something that is handed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/mutex.h"

namespace slipway::base {

// Safe to use from several threads.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::byte> out) = 0;

  std::uint64_t next_u64();
  double uniform();  // in [0, 1)
  double normal();   // of mean 0 and deviation 1
  // `bytes` random bytes as lower-case hex: ids have 16 (32 characters).
  std::string hex(std::size_t bytes = 16);
};

// The operating system's generator: ids, salts, tokens.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

// splitmix64 from a seed: the same sequence every time (tests).
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::byte> out) override;

 private:
  Mutex mutex_;
  std::uint64_t state_ GUARDED_BY(mutex_);
};

}  // namespace slipway::base
