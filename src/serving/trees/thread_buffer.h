#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace slipway::serving::trees {

// Memory of a thread that goes from call to call, aligned for the widest register.
template <typename Value>
class Buffer {
 public:
  Value* ensure(std::size_t count) {
    constexpr std::size_t kAlign = 64;
    if (bytes_.size() < count * sizeof(Value) + kAlign)
      bytes_.resize(count * sizeof(Value) + kAlign);
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
    return reinterpret_cast<Value*>(bytes_.data() + (kAlign - address % kAlign) % kAlign);
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

}  // namespace slipway::serving::trees
