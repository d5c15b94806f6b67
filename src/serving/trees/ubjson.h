// Universal Binary JSON (draft 12) as XGBoost writes it, into the ordinary JSON tree.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace slipway::serving::trees {

// kCorruption with the byte offset when the bytes end early, hold an unknown mark, or nest deeper
// than 64.
Result<Json> parse_ubjson(std::string_view bytes);

}  // namespace slipway::serving::trees
