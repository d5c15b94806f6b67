// UTF-8 as the characters that are in it: widths of lines count those.
#pragma once

#include <string>
#include <string_view>

namespace slipway::dvc {

// What is no UTF-8 becomes U+FFFD.
std::u32string code_points(std::string_view utf8);
std::string utf8(std::u32string_view code_points);

}  // namespace slipway::dvc
