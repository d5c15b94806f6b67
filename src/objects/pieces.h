// What an object is made of: parts of contents, in order. So a copy, or an upload that arrived in
// parts, moves no bytes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::objects {

struct Piece {
  std::int64_t content = 0;  // the number of its row
  std::int64_t offset = 0;
  std::int64_t bytes = 0;  // never 0
  bool operator==(const Piece&) const = default;
};

// "content:offset:bytes" with spaces in between, as it is kept.
std::string to_text(const std::vector<Piece>& pieces);
// kCorruption.
Result<std::vector<Piece>> parse_pieces(std::string_view text);

// The part of what `pieces` hold; they hold that much.
std::vector<Piece> part_of(const std::vector<Piece>& pieces, std::int64_t offset,
                           std::int64_t bytes);

}  // namespace slipway::objects
