// ${...} of dvc.yaml: values that stages are written with.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace slipway::dvc {

// `into` with what `more` has; maps are put together. kInvalidArgument: a key has two values.
Result<void> merge_values(JsonObject& into, const JsonObject& more);

// The member at "a.b[0]"; null: there is none.
const Json* find_value(const Json& values, std::string_view path);

// How a value stands within a text.
Result<std::string> text_of(const Json& value);

// `source` with everything in ${} replaced, also in keys. A text that is one ${} alone becomes the
// value. `is_command`: maps are allowed, and become flags. kInvalidArgument: no such value.
Result<Json> resolve(const Json& source, const JsonObject& values, bool is_command = false);

bool has_reference(const Json& source);

}  // namespace slipway::dvc
