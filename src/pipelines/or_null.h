// Values of JSON that may be missing.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "types/timestamp.h"

namespace slipway::pipelines {

inline Json or_null(std::optional<base::Timestamp> time) {
  return time ? Json(types::to_rfc3339(*time)) : Json(nullptr);
}

// An empty text is a missing one.
inline Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace slipway::pipelines
