#include "governance/masking.h"

#include <algorithm>

#include "base/hash.h"

namespace slipway::governance {

Masks masks_of(const std::vector<TagPolicy>& policies, const ColumnTags& columns,
               const Viewer& viewer) {
  Masks masks;
  if (viewer.sees_all) return masks;
  const auto mask_of = [&](const std::string& tag) {
    const auto policy = std::ranges::find(policies, tag, &TagPolicy::tag);
    if (policy == policies.end()) return tag == kPersonal ? Mask::kHide : Mask::kNone;
    const bool may_read = std::ranges::any_of(policy->readable_by, [&](const std::string& role) {
      return std::ranges::find(viewer.roles, role) != viewer.roles.end();
    });
    return may_read ? Mask::kNone : policy->mask;
  };
  for (const auto& [column, tags] : columns) {
    Mask strictest = Mask::kNone;
    for (const std::string& tag : tags) strictest = std::min(strictest, mask_of(tag));
    if (strictest != Mask::kNone) masks[column] = strictest;
  }
  return masks;
}

std::string pseudonym(std::string_view key, std::string_view text) {
  return base::to_hex(base::hmac_sha256(key, text)).substr(0, 16);
}

void apply_masks(types::Frame& frame, const Masks& masks, std::string_view key) {
  for (types::Column& column : frame.columns()) {
    const auto mask = masks.find(column.name);
    if (mask == masks.end()) continue;
    const bool hashes = mask->second == Mask::kHash && column.type == types::ColumnType::kString;
    for (std::size_t row = 0; row < column.size(); ++row) {
      if (!column.is_valid(row)) continue;
      if (hashes) {
        column.strings[row] = pseudonym(key, column.strings[row]);
      } else {
        column.set_null(row);
      }
    }
  }
}

Json masked(const Json& value, Mask mask, std::string_view key) {
  if (mask == Mask::kHash && value.is_string())
    return Json(pseudonym(key, std::string_view(value.get_string())));
  return nullptr;
}

void apply_masks(JsonObject& row, const Masks& masks, std::string_view key) {
  for (const auto& [column, mask] : masks) {
    if (Json* value = row.if_contains(column)) *value = masked(*value, mask, key);
  }
}

}  // namespace slipway::governance
