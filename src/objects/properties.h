// What is told with an object, as it is kept: one JSON object of texts. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::objects {

// By name; the room does not look inside.
using Properties = std::map<std::string, std::string>;

std::string to_text(const Properties& properties);
Result<Properties> parse_properties(std::string_view text);  // kCorruption

}  // namespace slipway::objects
