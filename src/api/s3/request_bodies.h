// What clients send as XML, and numbers in the query. Pure; fuzzed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "objects/uploads.h"

namespace slipway::api::s3 {

struct Removal {
  std::vector<std::string> keys;  // 1 to 1,000
  bool is_quiet = false;
};
Result<Removal> parse_removal(std::string_view body);

// At least one, their numbers rising.
Result<std::vector<objects::NamedPart>> parse_parts(std::string_view body);

// kInvalidArgument: it is none, or not from `min` to `max`; `what` it is for the message.
Result<int> number_from(std::string_view text, std::string_view what, int min, int max);

}  // namespace slipway::api::s3
