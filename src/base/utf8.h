// Bytes that somebody wrote, as text that JSON may hold.
#pragma once

#include <string>
#include <string_view>

namespace slipway::base {

// The text with U+FFFD for each byte that is no part of a character of UTF-8 (RFC 3629).
std::string valid_utf8(std::string_view text);

}  // namespace slipway::base
