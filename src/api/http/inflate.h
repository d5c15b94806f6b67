// Bodies that a client has compressed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::http {

// `encoding` is that of HTTP's Content-Encoding: gzip, deflate (with or without zlib's header),
// identity, nothing. kInvalidArgument: another one, or bytes that it can't have made;
// kResourceExhausted: more than `bytes_max` come out.
Result<std::string> inflate_body(std::string_view body, std::string_view encoding,
                                 std::size_t bytes_max);

}  // namespace slipway::http
