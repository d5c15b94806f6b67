// What the `tags:` part of slipway.yaml says: who may read columns with a tag as they are.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::governance {

// What stands in a value's place. Kept: the value itself.
enum class Mask { kHide, kHash, kNone };

struct TagPolicy {
  std::string tag;
  // kHash: of texts a keyed digest, the same for the same text, so that rows can still be counted
  // and joined; other types are hidden. kNone: the tag only tells.
  Mask mask = Mask::kHide;
  std::vector<std::string> readable_by;  // roles; administrators always may

  JsonObject to_json() const;
  bool operator==(const TagPolicy&) const = default;
};

struct PolicyChange {
  std::string kind = "tag";
  std::string name;
  std::string change;  // created | updated | removed | unchanged
};

// Columns with this tag are hidden even where slipway.yaml says nothing of it.
inline constexpr std::string_view kPersonal = "pii";

// kInvalidArgument with line and column.
Result<std::vector<TagPolicy>> parse_tags(const types::YamlSource& slipway_yaml);
std::vector<PolicyChange> plan(const std::vector<TagPolicy>& before,
                               const std::vector<TagPolicy>& after);

// A column's tags, by its name.
using ColumnTags = std::map<std::string, std::vector<std::string>>;

}  // namespace slipway::governance
