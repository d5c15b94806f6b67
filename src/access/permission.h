// Permission levels and the one decision they lead to. Pure: no store, no clock, no lock.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace slipway::access {

// Each level includes those before it. kDeny is MLflow's absolute no: nothing else rescues it.
enum class Permission { kDeny, kNone, kRead, kUse, kEdit, kManage };

inline constexpr std::size_t kPermissions = 6;

std::string_view permission_name(Permission permission);  // "NO_PERMISSIONS", "READ"...
// kInvalidArgument in MLflow's words.
Result<Permission> parse_permission(std::string_view name);

// What a permission can be about; MLflow's words. `workspace` means everything in it.
inline constexpr std::string_view kExperiment = "experiment";
inline constexpr std::string_view kRegisteredModel = "registered_model";
inline constexpr std::string_view kWorkspace = "workspace";
// kInvalidArgument in MLflow's words.
Result<void> check_resource_type(std::string_view type);

// Permissions by resource. An id of "*" stands for every resource of the type.
class Grants {
 public:
  void set(std::string_view type, std::string_view id, Permission permission);
  void remove(std::string_view type, std::string_view id);
  std::optional<Permission> find(std::string_view type, std::string_view id) const;

  struct Entry {
    std::string type, id;
    Permission permission;
  };
  std::vector<Entry> entries() const;  // sorted by type and id
  // Whether anything of the type, or the workspace, is less than `need`. Costs the same for many.
  bool has_less(std::string_view type, Permission need) const;
  // What the resource itself, "*" of its type, or the workspace give, put together.
  void collect(std::string_view type, std::string_view id, std::optional<Permission>& highest,
               bool& denied) const;

 private:
  std::unordered_map<std::string, Permission> by_resource_;  // "type id"
  // How many of each permission a type has.
  std::map<std::string, std::array<std::size_t, kPermissions>, std::less<>> counts_;
};

// What one user holds: what was given to them by name, and through roles.
struct Holdings {
  bool is_admin = false;  // or a service of the server itself
  const Grants* direct = nullptr;
  std::vector<const Grants*> roles;
};

// The permission on one resource. Administrators may everything. Else a denial anywhere wins; then
// the higher of what was given by name and through roles, where a role's NO_PERMISSIONS says
// nothing; then what was given by name, even NO_PERMISSIONS; then `otherwise`.
Permission decide(const Holdings& who, std::string_view type, std::string_view id,
                  Permission otherwise);

}  // namespace slipway::access
