// Puts masks in the place of values that somebody may not see. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "governance/definition.h"
#include "types/frame.h"

namespace slipway::governance {

// By column. Empty: everything may be seen.
using Masks = std::map<std::string, Mask, std::less<>>;

// Who asks. Without login, and of an administrator or a step of a pipeline: `sees_all`.
struct Viewer {
  bool sees_all = false;
  std::vector<std::string> roles;
};

// Of several tags of a column the strictest mask counts: hide before hash.
Masks masks_of(const std::vector<TagPolicy>& policies, const ColumnTags& columns,
               const Viewer& viewer);

// A text's keyed digest (HMAC-SHA-256, its first 16 hex digits).
std::string pseudonym(std::string_view key, std::string_view text);

void apply_masks(types::Frame& frame, const Masks& masks, std::string_view key);
// Of members named as columns.
void apply_masks(JsonObject& row, const Masks& masks, std::string_view key);
Json masked(const Json& value, Mask mask, std::string_view key);

}  // namespace slipway::governance
