#include "access/permission.h"

#include <algorithm>
#include <array>

namespace slipway::access {
namespace {

constexpr std::array<std::pair<Permission, std::string_view>, 6> kNames = {{
    {Permission::kRead, "READ"},
    {Permission::kUse, "USE"},
    {Permission::kEdit, "EDIT"},
    {Permission::kManage, "MANAGE"},
    {Permission::kNone, "NO_PERMISSIONS"},
    {Permission::kDeny, "DENY"},
}};

// All of MLflow's, so that its roles can be kept as they are; what this server does not have is
// never asked about.
constexpr std::string_view kTypes[] = {"assessment",
                                       "experiment",
                                       "gateway_endpoint",
                                       "gateway_model_definition",
                                       "gateway_secret",
                                       "logged_model",
                                       "mcp_server",
                                       "mcp_server_version",
                                       "prompt",
                                       "prompt_version",
                                       "registered_model",
                                       "registered_model_version",
                                       "review_queue",
                                       "run",
                                       "scorer",
                                       "scorer_version",
                                       "trace",
                                       "workspace"};

std::string key_of(std::string_view type, std::string_view id) {
  std::string key(type);
  key += ' ';
  key += id;
  return key;
}

template <typename Range, typename Name>
std::string quoted_list(const Range& range, Name name) {
  std::string list;
  for (const auto& item : range)
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", name(item));
  return list;
}

}  // namespace

std::string_view permission_name(Permission permission) {
  for (const auto& [value, name] : kNames) {
    if (value == permission) return name;
  }
  return "NO_PERMISSIONS";
}

Result<Permission> parse_permission(std::string_view name) {
  for (const auto& [value, spelled] : kNames) {
    if (spelled == name) return value;
  }
  return base::error(Code::kInvalidArgument, "Invalid permission '{}'. Valid permissions are: ({})",
                     name, quoted_list(kNames, [](const auto& entry) { return entry.second; }));
}

Result<void> check_resource_type(std::string_view type) {
  if (std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes)) return {};
  return base::error(Code::kInvalidArgument,
                     "Invalid resource type '{}'. Valid resource types are: ({})", type,
                     quoted_list(kTypes, [](std::string_view name) { return name; }));
}

void Grants::set(std::string_view type, std::string_view id, Permission permission) {
  remove(type, id);
  by_resource_[key_of(type, id)] = permission;
  ++counts_[std::string(type)][static_cast<std::size_t>(permission)];
}

void Grants::remove(std::string_view type, std::string_view id) {
  const auto found = by_resource_.find(key_of(type, id));
  if (found == by_resource_.end()) return;
  --counts_[std::string(type)][static_cast<std::size_t>(found->second)];
  by_resource_.erase(found);
}

std::optional<Permission> Grants::find(std::string_view type, std::string_view id) const {
  const auto found = by_resource_.find(key_of(type, id));
  if (found == by_resource_.end()) return std::nullopt;
  return found->second;
}

std::vector<Grants::Entry> Grants::entries() const {
  std::vector<Entry> entries;
  for (const auto& [key, permission] : by_resource_) {
    const std::size_t space = key.find(' ');
    entries.push_back({key.substr(0, space), key.substr(space + 1), permission});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.type, a.id) < std::tie(b.type, b.id);
  });
  return entries;
}

bool Grants::has_less(std::string_view type, Permission need) const {
  for (const std::string_view counted : {type, kWorkspace}) {
    const auto found = counts_.find(counted);
    if (found == counts_.end()) continue;
    for (std::size_t level = 0; level < static_cast<std::size_t>(need); ++level) {
      if (found->second[level] > 0) return true;
    }
  }
  return false;
}

void Grants::collect(std::string_view type, std::string_view id, std::optional<Permission>& highest,
                     bool& denied) const {
  if (by_resource_.empty()) return;
  const auto take = [&](std::optional<Permission> found) {
    if (!found) return;
    if (*found == Permission::kDeny) denied = true;
    if (!highest || *found > *highest) highest = found;
  };
  take(find(type, id));
  if (id != "*") take(find(type, "*"));
  if (type != kWorkspace) take(find(kWorkspace, "*"));
}

Permission decide(const Holdings& who, std::string_view type, std::string_view id,
                  Permission otherwise) {
  if (who.is_admin) return Permission::kManage;
  std::optional<Permission> direct, through_roles;
  bool denied = false;
  if (who.direct != nullptr) who.direct->collect(type, id, direct, denied);
  for (const Grants* role : who.roles) role->collect(type, id, through_roles, denied);
  if (denied) return Permission::kDeny;
  if (through_roles && *through_roles != Permission::kNone)
    return direct ? std::max(*direct, *through_roles) : *through_roles;
  return direct.value_or(otherwise);
}

}  // namespace slipway::access
