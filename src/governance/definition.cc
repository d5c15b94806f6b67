#include "governance/definition.h"

#include <algorithm>
#include <utility>

namespace slipway::governance {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::pair<std::string_view, Mask> kMasks[] = {
    {"hide", Mask::kHide}, {"hash", Mask::kHash}, {"none", Mask::kNone}};

Result<Mask> read_mask(const YamlNode& node) {
  const std::string text = TRY(node.text());
  for (const auto& [word, mask] : kMasks) {
    if (word == text) return mask;
  }
  return node.error("mask must be hide, hash or none: got={}", text);
}

Result<TagPolicy> read_policy(const std::string& tag, const YamlNode& node) {
  YamlMap map = TRY(node.map("tag " + tag));
  TagPolicy policy{.tag = tag};
  if (const auto mask = map.find("mask")) policy.mask = TRY(read_mask(*mask));
  if (const auto roles = map.find("readable_by")) {
    for (const YamlNode& role : TRY(roles->list())) policy.readable_by.push_back(TRY(role.text()));
  }
  TRY(map.finish());
  return policy;
}

const TagPolicy* find(const std::vector<TagPolicy>& policies, const std::string& tag) {
  const auto found = std::ranges::find(policies, tag, &TagPolicy::tag);
  return found == policies.end() ? nullptr : &*found;
}

}  // namespace

JsonObject TagPolicy::to_json() const {
  JsonArray roles;
  for (const std::string& role : readable_by) roles.push_back(Json(role));
  JsonObject object{{"tag", tag}, {"readable_by", std::move(roles)}};
  for (const auto& [word, value] : kMasks) {
    if (mask == value) object["mask"] = word;
  }
  return object;
}

Result<std::vector<TagPolicy>> parse_tags(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::vector<TagPolicy> policies;
  if (root.is_null()) return policies;
  YamlMap top = TRY(root.map("slipway.yaml"));
  const auto part = top.find("tags");
  if (!part) return policies;
  for (const auto& [tag, node] : TRY(part->entries()))
    policies.push_back(TRY(read_policy(tag, node)));
  return policies;
}

std::vector<PolicyChange> plan(const std::vector<TagPolicy>& before,
                               const std::vector<TagPolicy>& after) {
  std::vector<PolicyChange> changes;
  for (const TagPolicy& policy : after) {
    const TagPolicy* known = find(before, policy.tag);
    changes.push_back({.name = policy.tag,
                       .change = known == nullptr   ? "created"
                                 : *known == policy ? "unchanged"
                                                    : "updated"});
  }
  for (const TagPolicy& policy : before) {
    if (find(after, policy.tag) == nullptr)
      changes.push_back({.name = policy.tag, .change = "removed"});
  }
  return changes;
}

}  // namespace slipway::governance
