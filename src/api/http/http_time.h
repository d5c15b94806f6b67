// Times as headers have them (RFC 9110, 5.6.7). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/timestamp.h"

namespace slipway::http {

// "Sun, 06 Nov 1994 08:49:37 GMT", and the two forms that are obsolete and to be understood: RFC
// 850's and asctime's. Nothing: none of them.
std::optional<base::Timestamp> parse_http_time(std::string_view text);

}  // namespace slipway::http
