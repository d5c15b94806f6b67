#include "serving/half.h"

#include <gtest/gtest.h>

#include <cmath>

namespace slipway::serving {
namespace {

TEST(Half, GoesThereAndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_half(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_half(to_half(value))));
    } else {
      EXPECT_EQ(to_half(value), half) << value;
    }
  }
  EXPECT_EQ(to_half(65519.0f), 0x7BFF);  // the largest that is no infinity
  EXPECT_EQ(to_half(65520.0f), 0x7C00);
  EXPECT_EQ(to_half(1.0f + 0x1p-11f), 0x3C00);  // half way: to even
  EXPECT_EQ(to_half(1.0f + 3 * 0x1p-11f), 0x3C02);
  EXPECT_EQ(to_half(0x1p-25f), 0);
}

}  // namespace
}  // namespace slipway::serving
