// Bodies of requests as they were before they were compressed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http/router.h"
#include "base/result.h"

namespace slipway::api::predict {

// Whether a word of a header is this one, in whatever case.
bool is_word(std::string_view text, std::string_view word);

// What Content-Encoding says is undone: gzip, deflate, identity. `room` keeps what the view points
// to, unless that is the request itself. kInvalidArgument: an encoding we don't know, or a body
// that isn't in it; kResourceExhausted: more than `bytes_max` come out of it.
Result<std::string_view> plain_body(const http::Request& request, std::uint64_t bytes_max,
                                    std::string& room);

// The same for bytes. Exposed for tests and fuzzers.
Result<std::string> decompress(std::string_view encoding, std::string_view body,
                               std::uint64_t bytes_max);

}  // namespace slipway::api::predict
