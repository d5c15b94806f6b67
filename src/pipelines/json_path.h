// Members of JSON documents by their path.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace slipway::pipelines {

// The member at "a.b"; null: there is none.
const Json* find_member(const Json& document, std::string_view path);

// Texts, numbers and truth values as people write them; nothing: it is a list, an object or null.
std::optional<std::string> scalar_text(const Json& value);

}  // namespace slipway::pipelines
