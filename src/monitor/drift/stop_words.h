// English words that say nothing about a text: "the", "whereby", ...
#pragma once

#include <string_view>

namespace slipway::monitor {

// `word` in small letters.
bool is_stop_word(std::string_view word);

}  // namespace slipway::monitor
