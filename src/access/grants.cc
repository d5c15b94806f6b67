#include "access/access.h"

namespace slipway::access {
namespace {

Error no_user(const std::string& name) {
  return base::error(Code::kNotFound, "User with username={} not found", name);
}

std::string subject(std::string_view type, std::string_view id) {
  return fmt::format("permissions/{}/{}", type, id);
}

Result<void> store_grant(store::Tx& tx, std::int64_t user, const std::string& name,
                         std::string_view type, const std::string& id, Permission permission) {
  TRY(
      tx.execute("INSERT INTO user_permissions(user_id, resource_type, resource, permission) "
                 "VALUES(?, ?, ?, ?) ON CONFLICT(user_id, resource_type, resource) DO UPDATE SET "
                 "permission = excluded.permission",
                 {user, type, id, permission_name(permission)}));
  return tx.append_event(
      {.kind = "permission.granted",
       .subject = subject(type, id),
       .payload = {{"user", name}, {"permission", permission_name(permission)}}});
}

}  // namespace

Holdings Access::holdings(const UserState& state) const {
  Holdings held{.is_admin = state.user.is_admin, .direct = &state.grants};
  for (const auto& [id, assignment] : state.roles) {
    const RoleState* role = find_role(id);
    if (role != nullptr && role->role.workspace == kDefaultWorkspace)
      held.roles.push_back(&role->grants);
  }
  return held;
}

Permission Access::permission(const std::string& user, std::string_view type,
                              std::string_view id) const {
  if (user.starts_with(kServicePrefix)) return Permission::kManage;
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(user);
  if (state == nullptr) return Permission::kNone;  // deleted while the request was on its way
  return decide(holdings(*state), type, id, options_.default_permission);
}

bool Access::may_all(const std::string& user, std::string_view type, Permission need) const {
  if (user.starts_with(kServicePrefix)) return true;
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(user);
  if (state == nullptr) return false;
  const Holdings held = holdings(*state);
  if (decide(held, type, "*", options_.default_permission) < need) return false;
  if (held.is_admin) return true;
  // Something given by name may be less than what holds for all.
  return !state->grants.has_less(type, need) &&
         std::none_of(held.roles.begin(), held.roles.end(),
                      [&](const Grants* role) { return role->has_less(type, need); });
}

Result<Grant> Access::create_grant(const std::string& user, std::string_view type,
                                   const std::string& id, Permission permission) {
  {
    const base::MutexLock lock(mutex_);
    const UserState* state = find_user(user);
    if (state == nullptr) return no_user(user);
    if (state->grants.find(type, id)) {
      return base::error(Code::kAlreadyExists, "Permission ({}={}, username={}) already exists",
                         type, id, user);
    }
  }
  TRY(set_grant(user, type, id, permission));
  return Grant{TRY(user_id(user)), std::string(type), id, permission};
}

Result<void> Access::set_grant(const std::string& user, std::string_view type,
                               const std::string& id, Permission permission) {
  TRY(check_resource_type(type));
  const base::MutexLock change(change_mutex_);
  const std::int64_t owner = TRY(user_id(user));
  TRY(db_.write([&](store::Tx& tx) { return store_grant(tx, owner, user, type, id, permission); }));
  const base::MutexLock lock(mutex_);
  users_[user].grants.set(type, id, permission);
  return {};
}

std::optional<Grant> Access::find_grant(const std::string& user, std::string_view type,
                                        const std::string& id) const {
  const base::MutexLock lock(mutex_);
  const UserState* state = find_user(user);
  if (state == nullptr) return std::nullopt;
  const std::optional<Permission> permission = state->grants.find(type, id);
  if (!permission) return std::nullopt;
  return Grant{state->user.id, std::string(type), id, *permission};
}

std::vector<Grant> Access::list_grants(const std::string& user) const {
  const base::MutexLock lock(mutex_);
  std::vector<Grant> grants;
  const UserState* state = find_user(user);
  if (state == nullptr) return grants;
  for (Grants::Entry& entry : state->grants.entries())
    grants.push_back(
        {state->user.id, std::move(entry.type), std::move(entry.id), entry.permission});
  return grants;
}

Result<bool> Access::remove_grant(const std::string& user, std::string_view type,
                                  const std::string& id) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t owner = TRY(user_id(user));
  const bool removed = TRY(db_.write([&](store::Tx& tx) -> Result<bool> {
    if (TRY(tx.execute("DELETE FROM user_permissions WHERE user_id = ? AND resource_type = ? AND "
                       "resource = ?",
                       {owner, type, id})) == 0)
      return false;
    TRY(tx.append_event(
        {.kind = "permission.revoked", .subject = subject(type, id), .payload = {{"user", user}}}));
    return true;
  }));
  const base::MutexLock lock(mutex_);
  users_[user].grants.remove(type, id);
  return removed;
}

Result<void> Access::forget_resource(std::string_view type, const std::string& id) {
  const base::MutexLock change(change_mutex_);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const std::int64_t gone = TRY(tx.execute(
        "DELETE FROM user_permissions WHERE resource_type = ? AND resource = ?", {type, id}));
    const std::int64_t of_roles = TRY(
        tx.execute("DELETE FROM role_permissions WHERE resource_type = ? AND resource_pattern = ?",
                   {type, id}));
    if (gone + of_roles == 0) return {};
    return tx.append_event({.kind = "permission.revoked",
                            .subject = subject(type, id),
                            .payload = {{"user", nullptr}}});
  }));
  const base::MutexLock lock(mutex_);
  for (auto& [name, state] : users_) state.grants.remove(type, id);
  for (auto& [number, state] : roles_) {
    std::erase_if(state.role.permissions, [&](const RolePermission& permission) {
      return permission.type == type && permission.pattern == id;
    });
    rebuild(state);
  }
  return {};
}

Result<void> Access::rename_resource(std::string_view type, const std::string& from,
                                     const std::string& to) {
  if (from == to) return {};
  const base::MutexLock change(change_mutex_);
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    // Left over from an earlier resource of that name.
    TRY(tx.execute("DELETE FROM user_permissions WHERE resource_type = ? AND resource = ?",
                   {type, to}));
    TRY(tx.execute("DELETE FROM role_permissions WHERE resource_type = ? AND resource_pattern = ?",
                   {type, to}));
    TRY(
        tx.execute("UPDATE user_permissions SET resource = ? WHERE resource_type = ? AND "
                   "resource = ?",
                   {to, type, from}));
    TRY(
        tx.execute("UPDATE role_permissions SET resource_pattern = ? WHERE resource_type = ? AND "
                   "resource_pattern = ?",
                   {to, type, from}));
    return tx.append_event(
        {.kind = "permission.renamed", .subject = subject(type, to), .payload = {{"from", from}}});
  }));
  const base::MutexLock lock(mutex_);
  for (auto& [name, state] : users_) {
    const std::optional<Permission> held = state.grants.find(type, from);
    state.grants.remove(type, from);
    state.grants.remove(type, to);
    if (held) state.grants.set(type, to, *held);
  }
  for (auto& [number, state] : roles_) {
    std::erase_if(state.role.permissions, [&](const RolePermission& permission) {
      return permission.type == type && permission.pattern == to;
    });
    for (RolePermission& permission : state.role.permissions) {
      if (permission.type == type && permission.pattern == from) permission.pattern = to;
    }
    rebuild(state);
  }
  return {};
}

}  // namespace slipway::access
