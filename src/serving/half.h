// FP16, which the compiler's standard library has no type for: bits to a number and back.
#pragma once

#include <cstdint>

namespace slipway::serving {

float from_half(std::uint16_t half);  // exactly
std::uint16_t to_half(float value);   // to the nearest, ties to even

}  // namespace slipway::serving
