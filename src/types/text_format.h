// Protocol buffers in text format (.pbtxt), without their descriptor, as JSON.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace slipway::types {

// The message that `text` is: a member a field, and a list where one comes more than once or is
// written as one. Names of enumerations are texts, so are numbers that JSON doesn't have (inf,
// nan). kInvalidArgument with line and column: no text format, or nested more than 64 deep. Pure.
// https://protobuf.dev/reference/protobuf/textformat-spec
Result<JsonObject> text_format_as_json(std::string_view text);

}  // namespace slipway::types
