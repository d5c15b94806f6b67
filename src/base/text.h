// Texts as programs compare them. Letters and white space are those of ASCII; other bytes stay.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace slipway::base {

// Without white space (also \v and \f) at both ends.
std::string_view trimmed(std::string_view text);
std::string lowered(std::string_view text);

// Its first `bytes_max` bytes, fewer where a character of UTF-8 would be cut.
std::string_view beginning(std::string_view text, std::size_t bytes_max);

// Both on one line, of long ones the bytes around where they begin to differ: "...--rate 2 --rows".
std::pair<std::string, std::string> what_differs(std::string_view before, std::string_view now);

}  // namespace slipway::base
