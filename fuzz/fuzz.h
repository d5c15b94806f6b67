// What every target defines: one input, judged by CHECKs and by the sanitizers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// Always gives 0; libFuzzer reserves other values.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace slipway::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace slipway::fuzz
