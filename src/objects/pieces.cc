#include "objects/pieces.h"

#include <algorithm>
#include <charconv>

namespace slipway::objects {
namespace {

bool take_number(std::string_view& text, char end, std::int64_t& number) {
  const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  if (text.empty()) return end == ' ';
  if (text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string to_text(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}:{}:{}", piece.content, piece.offset, piece.bytes);
  }
  return text;
}

Result<std::vector<Piece>> parse_pieces(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    Piece piece;
    if (!take_number(text, ':', piece.content) || !take_number(text, ':', piece.offset) ||
        !take_number(text, ' ', piece.bytes) || piece.bytes == 0)
      return base::error(Code::kCorruption, "an object's row does not say what it is made of");
    pieces.push_back(piece);
  }
  return pieces;
}

std::vector<Piece> part_of(const std::vector<Piece>& pieces, std::int64_t offset,
                           std::int64_t bytes) {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) {
    if (bytes == 0) break;
    if (offset >= piece.bytes) {
      offset -= piece.bytes;
      continue;
    }
    const std::int64_t taken = std::min(piece.bytes - offset, bytes);
    out.push_back({piece.content, piece.offset + offset, taken});
    offset = 0;
    bytes -= taken;
  }
  return out;
}

}  // namespace slipway::objects
