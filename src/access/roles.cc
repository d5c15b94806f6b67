#include "access/access.h"

namespace slipway::access {
namespace {

Error no_role(std::int64_t id) {
  return base::error(Code::kNotFound, "Role with id={} not found", id);
}

Error no_role_permission(std::int64_t id) {
  return base::error(Code::kNotFound, "Role permission with id={} not found", id);
}

std::string subject(std::int64_t role) { return fmt::format("roles/{}", role); }

// The number of the new row.
Result<std::int64_t> insert(store::Tx& tx, std::string_view sql, store::Params params) {
  return TRY(tx.insert(sql, "id", params)).value_or(0);
}

JsonObject payload_of(const RolePermission& permission) {
  return {{"resource_type", permission.type},
          {"resource_pattern", permission.pattern},
          {"permission", permission_name(permission.permission)}};
}

}  // namespace

const Access::RoleState* Access::find_role(std::int64_t id) const {
  const auto found = roles_.find(id);
  return found == roles_.end() ? nullptr : &found->second;
}

void Access::rebuild(RoleState& state) {
  state.grants = {};
  for (const RolePermission& permission : state.role.permissions)
    state.grants.set(permission.type, permission.pattern, permission.permission);
}

Result<Role> Access::create_role(const std::string& workspace, const std::string& name,
                                 const std::optional<std::string>& description) {
  const base::MutexLock change(change_mutex_);
  Result<std::int64_t> id = db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const std::int64_t made =
        TRY(insert(tx, "INSERT INTO roles(workspace, name, description) VALUES(?, ?, ?)",
                   {workspace, name, description}));
    TRY(tx.append_event({.kind = "role.created",
                         .subject = subject(made),
                         .payload = {{"workspace", workspace}, {"name", name}}}));
    return made;
  });
  if (!id) {
    if (id.error().code == Code::kAlreadyExists)
      return base::error(Code::kAlreadyExists, "Role (name={}, workspace={}) already exists.", name,
                         workspace);
    return std::move(id).error();
  }
  Role role{.id = *id, .name = name, .workspace = workspace, .description = description};
  const base::MutexLock lock(mutex_);
  roles_[*id].role = role;
  return role;
}

Result<Role> Access::get_role(std::int64_t id) const {
  const base::MutexLock lock(mutex_);
  const RoleState* state = find_role(id);
  if (state == nullptr) return no_role(id);
  return state->role;
}

std::vector<Role> Access::list_roles(const std::optional<std::string>& workspace) const {
  const base::MutexLock lock(mutex_);
  std::vector<Role> roles;
  for (const auto& [id, state] : roles_) {
    if (!workspace || state.role.workspace == *workspace) roles.push_back(state.role);
  }
  return roles;
}

Result<Role> Access::update_role(std::int64_t id, const std::optional<std::string>& name,
                                 const std::optional<std::string>& description) {
  const base::MutexLock change(change_mutex_);
  Role role = TRY(get_role(id));
  if (name) role.name = *name;
  if (description) role.description = description;
  const Result<void> stored = db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE roles SET name = ?, description = ? WHERE id = ?",
                   {role.name, role.description, id}));
    return tx.append_event(
        {.kind = "role.updated", .subject = subject(id), .payload = {{"name", role.name}}});
  });
  if (!stored) {
    if (stored.error().code == Code::kAlreadyExists)
      return base::error(Code::kAlreadyExists, "Role with name={} already exists in workspace={}",
                         role.name, role.workspace);
    return stored.error();
  }
  const base::MutexLock lock(mutex_);
  roles_[id].role = role;
  return role;
}

Result<void> Access::delete_role(std::int64_t id) {
  const base::MutexLock change(change_mutex_);
  const Role role = TRY(get_role(id));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM role_permissions WHERE role_id = ?", {id}));
    TRY(tx.execute("DELETE FROM user_roles WHERE role_id = ?", {id}));
    TRY(tx.execute("DELETE FROM roles WHERE id = ?", {id}));
    return tx.append_event(
        {.kind = "role.deleted", .subject = subject(id), .payload = {{"name", role.name}}});
  }));
  const base::MutexLock lock(mutex_);
  roles_.erase(id);
  for (auto& [name, state] : users_) state.roles.erase(id);
  return {};
}

Result<RolePermission> Access::add_role_permission(std::int64_t role, const std::string& type,
                                                   const std::string& pattern,
                                                   Permission permission) {
  TRY(check_resource_type(type));
  if (type == kWorkspace && pattern != "*") {
    return base::error(Code::kInvalidArgument,
                       "resource_type='workspace' requires resource_pattern='*'. Got "
                       "resource_pattern='{}'.",
                       pattern);
  }
  const base::MutexLock change(change_mutex_);
  TRY(get_role(role));
  RolePermission made{.role = role, .type = type, .pattern = pattern, .permission = permission};
  Result<std::int64_t> id = db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const std::int64_t number =
        TRY(insert(tx,
                   "INSERT INTO role_permissions(role_id, resource_type, resource_pattern, "
                   "permission) VALUES(?, ?, ?, ?)",
                   {role, type, pattern, permission_name(permission)}));
    TRY(tx.append_event(
        {.kind = "role.permission_added", .subject = subject(role), .payload = payload_of(made)}));
    return number;
  });
  if (!id) {
    if (id.error().code == Code::kAlreadyExists)
      return base::error(
          Code::kAlreadyExists,
          "Role permission (role_id={}, resource_type={}, resource_pattern={}) already exists.",
          role, type, pattern);
    return std::move(id).error();
  }
  made.id = *id;
  const base::MutexLock lock(mutex_);
  RoleState& state = roles_[role];
  state.role.permissions.push_back(made);
  rebuild(state);
  return made;
}

Result<RolePermission> Access::get_role_permission(std::int64_t id) const {
  const base::MutexLock lock(mutex_);
  for (const auto& [number, state] : roles_) {
    for (const RolePermission& permission : state.role.permissions) {
      if (permission.id == id) return permission;
    }
  }
  return no_role_permission(id);
}

Result<RolePermission> Access::update_role_permission(std::int64_t id, Permission permission) {
  const base::MutexLock change(change_mutex_);
  RolePermission changed = TRY(get_role_permission(id));
  changed.permission = permission;
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE role_permissions SET permission = ? WHERE id = ?",
                   {permission_name(permission), id}));
    return tx.append_event({.kind = "role.permission_changed",
                            .subject = subject(changed.role),
                            .payload = payload_of(changed)});
  }));
  const base::MutexLock lock(mutex_);
  RoleState& state = roles_[changed.role];
  for (RolePermission& held : state.role.permissions) {
    if (held.id == id) held = changed;
  }
  rebuild(state);
  return changed;
}

Result<void> Access::remove_role_permission(std::int64_t id) {
  const base::MutexLock change(change_mutex_);
  const RolePermission gone = TRY(get_role_permission(id));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("DELETE FROM role_permissions WHERE id = ?", {id}));
    return tx.append_event({.kind = "role.permission_removed",
                            .subject = subject(gone.role),
                            .payload = payload_of(gone)});
  }));
  const base::MutexLock lock(mutex_);
  RoleState& state = roles_[gone.role];
  std::erase_if(state.role.permissions,
                [&](const RolePermission& permission) { return permission.id == id; });
  rebuild(state);
  return {};
}

Result<RoleAssignment> Access::assign_role(const std::string& user, std::int64_t role) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t owner = TRY(user_id(user));
  TRY(get_role(role));
  Result<std::int64_t> id = db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    const std::int64_t number =
        TRY(insert(tx, "INSERT INTO user_roles(user_id, role_id) VALUES(?, ?)", {owner, role}));
    TRY(tx.append_event(
        {.kind = "role.assigned", .subject = subject(role), .payload = {{"user", user}}}));
    return number;
  });
  if (!id) {
    if (id.error().code == Code::kAlreadyExists)
      return base::error(Code::kAlreadyExists,
                         "User role assignment (user_id={}, role_id={}) already exists", owner,
                         role);
    return std::move(id).error();
  }
  const base::MutexLock lock(mutex_);
  users_[user].roles[role] = *id;
  return RoleAssignment{*id, owner, role};
}

Result<void> Access::unassign_role(const std::string& user, std::int64_t role) {
  const base::MutexLock change(change_mutex_);
  const std::int64_t owner = TRY(user_id(user));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM user_roles WHERE user_id = ? AND role_id = ?",
                       {owner, role})) == 0) {
      return base::error(Code::kNotFound, "User role assignment (user_id={}, role_id={}) not found",
                         owner, role);
    }
    return tx.append_event(
        {.kind = "role.unassigned", .subject = subject(role), .payload = {{"user", user}}});
  }));
  const base::MutexLock lock(mutex_);
  users_[user].roles.erase(role);
  return {};
}

std::vector<Role> Access::roles_of(const std::string& user) const {
  const base::MutexLock lock(mutex_);
  std::vector<Role> roles;
  const UserState* state = find_user(user);
  if (state == nullptr) return roles;
  for (const auto& [id, assignment] : state->roles) {
    if (const RoleState* role = find_role(id)) roles.push_back(role->role);
  }
  return roles;
}

Result<std::vector<RoleAssignment>> Access::users_of_role(std::int64_t role) const {
  TRY(get_role(role));
  const base::MutexLock lock(mutex_);
  std::vector<RoleAssignment> assignments;
  for (const auto& [name, state] : users_) {
    if (const auto found = state.roles.find(role); found != state.roles.end())
      assignments.push_back({found->second, state.user.id, role});
  }
  std::sort(assignments.begin(), assignments.end(),
            [](const RoleAssignment& a, const RoleAssignment& b) { return a.id < b.id; });
  return assignments;
}

bool Access::manages_workspace(const std::string& user, const std::string& workspace) const {
  for (const Role& role : roles_of(user)) {
    if (role.workspace != workspace) continue;
    for (const RolePermission& permission : role.permissions) {
      if (permission.type == kWorkspace && permission.permission == Permission::kManage)
        return true;
    }
  }
  return false;
}

}  // namespace slipway::access
