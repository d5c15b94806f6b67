// What buckets and objects may be called. Pure.
#pragma once

#include <string_view>

#include "base/result.h"

namespace slipway::objects {

// 3 to 63 of a-z, 0-9, '-' and '.', a letter or digit at both ends, no two dots in a row: what
// every client of S3 takes. kInvalidArgument.
Result<void> check_bucket_name(std::string_view name);
// 1 to 1,024 bytes of UTF-8. kInvalidArgument.
Result<void> check_key(std::string_view key);

}  // namespace slipway::objects
