// The Range header (RFC 9110, section 14): one range of bytes. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace slipway::http {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// The part of `size` bytes that `header` asks for; nothing when it asks for all of it: no header,
// another unit, several ranges, or broken (all to be answered as if it weren't there).
// kInvalidArgument: it asks for bytes that are not there, which is 416.
Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size);

}  // namespace slipway::http
