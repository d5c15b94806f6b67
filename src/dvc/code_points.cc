#include "dvc/code_points.h"

namespace slipway::dvc {
namespace {
constexpr char32_t kReplacement = 0xfffd;
}  // namespace

std::u32string code_points(std::string_view utf8) {
  std::u32string points;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[at++]);
    const std::size_t more = first < 0x80   ? 0
                             : first < 0xc0 ? 4
                             : first < 0xe0 ? 1
                             : first < 0xf0 ? 2
                                            : 3;
    char32_t point = more == 0 ? first : first & (0x3f >> more);
    std::size_t taken = 0;
    for (; more < 4 && taken < more && at < utf8.size(); ++taken, ++at) {
      const auto next = static_cast<unsigned char>(utf8[at]);
      if ((next & 0xc0) != 0x80) break;
      point = point << 6 | (next & 0x3f);
    }
    points += taken == more && point <= 0x10ffff ? point : kReplacement;
  }
  return points;
}

std::string utf8(std::u32string_view code_points) {
  std::string out;
  for (const char32_t point : code_points) {
    if (point < 0x80) {
      out += static_cast<char>(point);
    } else if (point < 0x800) {
      out += static_cast<char>(0xc0 | point >> 6);
      out += static_cast<char>(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      out += static_cast<char>(0xe0 | point >> 12);
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (point & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | point >> 18);
      out += static_cast<char>(0x80 | (point >> 12 & 0x3f));
      out += static_cast<char>(0x80 | (point >> 6 & 0x3f));
      out += static_cast<char>(0x80 | (point & 0x3f));
    }
  }
  return out;
}

}  // namespace slipway::dvc
