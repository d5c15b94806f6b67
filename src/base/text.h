// Texts as programs compare them. Letters and white space are those of ASCII; other bytes stay.
#pragma once

#include <string>
#include <string_view>

namespace slipway::base {

// Without white space (also \v and \f) at both ends.
std::string_view trimmed(std::string_view text);
std::string lowered(std::string_view text);

}  // namespace slipway::base
