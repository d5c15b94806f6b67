// The head of a reply as bytes. Inside api/http only.
#pragma once

#include <cstdint>
#include <string>

#include "api/http/router.h"

namespace slipway::http {

struct ReplyFraming {
  std::uint64_t length = 0;  // of the body
  enum class Body { kLength, kChunked, kUntilClose };
  Body body = Body::kLength;
  bool keep_alive = true;
  int minor_version = 1;  // of the request: a client of HTTP/1.0 must be told that it may stay
};

// Appends status line and fields, with the empty line.
void append_reply_head(std::string& out, const Response& response, const ReplyFraming& framing);

}  // namespace slipway::http
