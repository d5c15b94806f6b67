// Users, permissions and roles, as MLflow's basic-auth app has them: the per-resource routes of its
// 2.x and 3.12 clients, and the roles of 3.17. Only there when login is on. Who may call them is in
// permits.cc.
#include "access/access.h"
#include "access/permission.h"
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
namespace sa = slipway::access;

JsonObject user_json(const sa::User& user) {
  return {{"id", user.id}, {"username", user.name}, {"is_admin", user.is_admin}};
}

JsonObject permission_json(const sa::RolePermission& permission) {
  return {{"id", permission.id},
          {"role_id", permission.role},
          {"resource_type", permission.type},
          {"resource_pattern", permission.pattern},
          {"permission", sa::permission_name(permission.permission)}};
}

JsonObject role_json(const sa::Role& role) {
  JsonArray permissions;
  for (const sa::RolePermission& permission : role.permissions)
    permissions.push_back(permission_json(permission));
  JsonObject object{{"id", role.id}, {"name", role.name}, {"workspace", role.workspace}};
  object["description"] = role.description ? Json(*role.description) : Json(nullptr);
  object["permissions"] = std::move(permissions);
  return object;
}

JsonObject assignment_json(const sa::RoleAssignment& assignment) {
  return {{"id", assignment.id}, {"user_id", assignment.user}, {"role_id", assignment.role}};
}

Response list_reply(std::string_view name, JsonArray list) {
  JsonObject body;
  body[name] = std::move(list);
  return reply(body);
}

// The two kinds of resource that have routes of their own, and how those speak.
struct Kind {
  std::string_view type, field, member, title;
};
constexpr Kind kExperiments{
    sa::kExperiment, "experiment_id", "experiment_permission",
    "Experiment permission with experiment_id={} and username={} not found"};
constexpr Kind kModels{sa::kRegisteredModel, "name", "registered_model_permission",
                       "Registered model permission with workspace=default, name={} and "
                       "username={} not found"};

JsonObject grant_json(const Kind& kind, const sa::Grant& grant) {
  JsonObject object;
  if (kind.type == sa::kRegisteredModel) object["workspace"] = sa::kDefaultWorkspace;
  object[kind.field] = grant.id;
  object["user_id"] = grant.user;
  object["permission"] = sa::permission_name(grant.permission);
  return object;
}

Error no_grant(const Kind& kind, const std::string& id, const std::string& user) {
  return {Code::kNotFound, fmt::format(fmt::runtime(kind.title), id, user)};
}

// What MLflow 3.12's clients expect of a user: with the permissions given by name.
JsonObject full_user_json(const sa::Access& access, const sa::User& user) {
  JsonArray experiments, models;
  for (const sa::Grant& grant : access.list_grants(user.name)) {
    if (grant.type == sa::kExperiment) experiments.push_back(grant_json(kExperiments, grant));
    if (grant.type == sa::kRegisteredModel) models.push_back(grant_json(kModels, grant));
  }
  JsonObject object = user_json(user);
  object["experiment_permissions"] = std::move(experiments);
  object["registered_model_permissions"] = std::move(models);
  object["scorer_permissions"] = JsonArray();
  return object;
}

Result<Response> create_user(Services& services, const Request& request) {
  const Fields fields(request);
  for (const char* name : {"username", "password"}) {
    if (!fields.has(name)) TRY(fields.required(name));
    if (fields.text(name).empty())
      return Response::text("Username and password cannot be empty.", 400);
  }
  const sa::User user =
      TRY(services.access->create_user(fields.text("username"), fields.text("password"), false));
  return reply({{"user", full_user_json(*services.access, user)}});
}

Result<Response> get_user(Services& services, const Request& request) {
  const sa::User user = TRY(services.access->get_user(TRY(Fields(request).required("username"))));
  return reply({{"user", full_user_json(*services.access, user)}});
}

Result<Response> list_users(Services& services, const Request&) {
  JsonArray users;
  for (const sa::User& user : services.access->list_users()) {
    JsonObject object = user_json(user);
    JsonArray roles;
    for (const sa::Role& role : services.access->roles_of(user.name))
      roles.push_back(role_json(role));
    object["roles"] = std::move(roles);
    users.push_back(std::move(object));
  }
  return list_reply("users", std::move(users));
}

Result<Response> current_user(Services& services, const Request& request) {
  return reply(
      {{"user", user_json(TRY(services.access->get_user(request.user)))}, {"is_basic_auth", true}});
}

Result<Response> update_password(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string name = TRY(fields.required("username"));
  const std::string password = TRY(fields.required("password"));
  // Whoever sits at somebody's open browser shall not lock them out.
  if (name == request.user) {
    const std::string current = fields.text("current_password");
    if (current.empty())
      return base::error(Code::kInvalidArgument,
                         "Current password is required when changing your own password.");
    if (!services.access->check_password_of(name, current))
      return base::error(Code::kInvalidArgument, "Current password does not match.");
    if (password == current)
      return base::error(Code::kInvalidArgument,
                         "New password must differ from the current password.");
  }
  TRY(services.access->set_password(name, password));
  return reply({});
}

Result<Response> update_admin(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.required("is_admin"));
  TRY(services.access->set_admin(TRY(fields.required("username")), fields.boolean("is_admin")));
  return reply({});
}

Result<Response> delete_user(Services& services, const Request& request) {
  const std::string name = TRY(Fields(request).required("username"));
  if (name == request.user) {
    return base::error(Code::kInvalidArgument,
                       "Users cannot delete their own account. Ask another admin to delete this "
                       "user instead.");
  }
  TRY(services.access->delete_user(name));
  return reply({});
}

template <const Kind& kKind>
Result<Response> create_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required(kKind.field));
  const sa::Grant grant = TRY(
      services.access->create_grant(TRY(fields.required("username")), kKind.type, id,
                                    TRY(sa::parse_permission(TRY(fields.required("permission"))))));
  JsonObject body;
  body[kKind.member] = grant_json(kKind, grant);
  return reply(body);
}

template <const Kind& kKind>
Result<Response> get_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required(kKind.field));
  const std::string user = TRY(fields.required("username"));
  TRY(services.access->get_user(user));
  const auto grant = services.access->find_grant(user, kKind.type, id);
  if (!grant) return no_grant(kKind, id, user);
  JsonObject body;
  body[kKind.member] = grant_json(kKind, *grant);
  return reply(body);
}

template <const Kind& kKind>
Result<Response> update_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required(kKind.field));
  const std::string user = TRY(fields.required("username"));
  const sa::Permission permission = TRY(sa::parse_permission(TRY(fields.required("permission"))));
  TRY(services.access->get_user(user));
  if (!services.access->find_grant(user, kKind.type, id)) return no_grant(kKind, id, user);
  TRY(services.access->set_grant(user, kKind.type, id, permission));
  return reply({});
}

template <const Kind& kKind>
Result<Response> delete_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required(kKind.field));
  const std::string user = TRY(fields.required("username"));
  if (!TRY(services.access->remove_grant(user, kKind.type, id))) return no_grant(kKind, id, user);
  return reply({});
}

// 3.17: what a user holds, by name and through roles, as rows. What was given by name appears under
// the role that MLflow keeps it in.
JsonArray held_by(const sa::Access& access, const sa::User& user) {
  JsonArray rows;
  const auto add = [&](std::int64_t role, const std::string& name, std::string_view workspace,
                       std::string_view type, std::string_view pattern, sa::Permission permission) {
    rows.push_back(JsonObject{{"role_id", role},
                              {"role_name", name},
                              {"workspace", workspace},
                              {"resource_type", type},
                              {"resource_pattern", pattern},
                              {"permission", sa::permission_name(permission)}});
  };
  for (const sa::Grant& grant : access.list_grants(user.name)) {
    add(0, fmt::format("__user_{}__", user.id), sa::kDefaultWorkspace, grant.type, grant.id,
        grant.permission);
  }
  for (const sa::Role& role : access.roles_of(user.name)) {
    for (const sa::RolePermission& permission : role.permissions)
      add(role.id, role.name, role.workspace, permission.type, permission.pattern,
          permission.permission);
  }
  return rows;
}

Result<Response> held_reply(Services& services, const std::string& name) {
  const sa::User user = TRY(services.access->get_user(name));
  JsonObject body{{"is_admin", user.is_admin}};
  body["permissions"] = held_by(*services.access, user);
  return reply(body);
}

Result<Response> list_held(Services& services, const Request& request) {
  return held_reply(services, TRY(Fields(request).required("username")));
}

Result<Response> list_own(Services& services, const Request& request) {
  return held_reply(services, request.user);
}

// A resource of a request of 3.17, where the workspace is granted through roles only.
struct Resource {
  std::string user, type, id;
};

Result<Resource> read_resource(const Fields& fields) {
  Resource resource;
  resource.user = TRY(fields.required("username"));
  resource.type = TRY(fields.required("resource_type"));
  resource.id = TRY(fields.required("resource_id"));
  TRY(sa::check_resource_type(resource.type));
  if (resource.type == sa::kWorkspace)
    return base::error(Code::kInvalidArgument,
                       "resource_type 'workspace' is not supported by the per-user permission "
                       "convenience APIs.");
  return resource;
}

Result<Response> grant(Services& services, const Request& request) {
  const Fields fields(request);
  const Resource resource = TRY(read_resource(fields));
  const sa::Permission permission = TRY(sa::parse_permission(TRY(fields.required("permission"))));
  if (permission == sa::Permission::kNone)
    return base::error(Code::kInvalidArgument,
                       "Invalid permission 'NO_PERMISSIONS' for resource_type='{}'. Resource-level "
                       "grants accept only: ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').",
                       resource.type);
  TRY(services.access->set_grant(resource.user, resource.type, resource.id, permission));
  return reply({});
}

Result<Response> revoke(Services& services, const Request& request) {
  const Resource resource = TRY(read_resource(Fields(request)));
  TRY(services.access->remove_grant(resource.user, resource.type, resource.id));
  return reply({});
}

Result<Response> get_held(Services& services, const Request& request) {
  const Resource resource = TRY(read_resource(Fields(request)));
  TRY(services.access->get_user(resource.user));
  const sa::Permission permission =
      services.access->permission(resource.user, resource.type, resource.id);
  return reply({{"allowed", permission >= sa::Permission::kUse},
                {"permission", sa::permission_name(permission)}});
}

Result<std::int64_t> read_id(const Fields& fields, std::string_view name) {
  TRY(fields.required(name));
  return TRY(fields.integer(name)).value_or(0);
}

Result<std::string> read_nonempty(const Fields& fields, std::string_view name,
                                  std::string_view what) {
  std::string text = TRY(fields.required(name));
  if (text.find_first_not_of(" \t\r\n") == std::string::npos)
    return base::error(Code::kInvalidArgument, "{} cannot be empty.", what);
  return text;
}

std::optional<std::string> find_text(const Fields& fields, std::string_view name) {
  const Json* member = fields.body().if_contains(name);
  if (member == nullptr || member->is_null()) return std::nullopt;
  return fields.text(name);
}

Result<Response> create_role(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string name = TRY(read_nonempty(fields, "name", "Role name"));
  const std::string workspace = TRY(read_nonempty(fields, "workspace", "Workspace"));
  return reply({{"role", role_json(TRY(services.access->create_role(
                             workspace, name, find_text(fields, "description"))))}});
}

Result<Response> get_role(Services& services, const Request& request) {
  return reply(
      {{"role",
        role_json(TRY(services.access->get_role(TRY(read_id(Fields(request), "role_id")))))}});
}

Result<Response> list_roles(Services& services, const Request& request) {
  JsonArray roles;
  for (const sa::Role& role : services.access->list_roles(find_text(Fields(request), "workspace")))
    roles.push_back(role_json(role));
  return list_reply("roles", std::move(roles));
}

Result<Response> update_role(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t id = TRY(read_id(fields, "role_id"));
  const auto name = find_text(fields, "name"), description = find_text(fields, "description");
  if (!name && !description)
    return base::error(
        Code::kInvalidArgument,
        "At least one of 'name' or 'description' must be provided to update a role.");
  if (name) TRY(read_nonempty(fields, "name", "Role name"));
  return reply({{"role", role_json(TRY(services.access->update_role(id, name, description)))}});
}

Result<Response> delete_role(Services& services, const Request& request) {
  TRY(services.access->delete_role(TRY(read_id(Fields(request), "role_id"))));
  return reply({});
}

Result<Response> add_role_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t role = TRY(read_id(fields, "role_id"));
  const std::string type = TRY(fields.required("resource_type"));
  const std::string pattern = TRY(fields.required("resource_pattern"));
  const sa::Permission permission = TRY(sa::parse_permission(TRY(fields.required("permission"))));
  return reply({{"role_permission", permission_json(TRY(services.access->add_role_permission(
                                        role, type, pattern, permission)))}});
}

Result<Response> remove_role_permission(Services& services, const Request& request) {
  TRY(services.access->remove_role_permission(TRY(read_id(Fields(request), "role_permission_id"))));
  return reply({});
}

Result<Response> list_role_permissions(Services& services, const Request& request) {
  const sa::Role role = TRY(services.access->get_role(TRY(read_id(Fields(request), "role_id"))));
  JsonArray permissions;
  for (const sa::RolePermission& permission : role.permissions)
    permissions.push_back(permission_json(permission));
  return list_reply("role_permissions", std::move(permissions));
}

Result<Response> update_role_permission(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t id = TRY(read_id(fields, "role_permission_id"));
  const sa::Permission permission = TRY(sa::parse_permission(TRY(fields.required("permission"))));
  return reply({{"role_permission",
                 permission_json(TRY(services.access->update_role_permission(id, permission)))}});
}

Result<Response> assign_role(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string user = TRY(fields.required("username"));
  return reply({{"assignment", assignment_json(TRY(services.access->assign_role(
                                   user, TRY(read_id(fields, "role_id")))))}});
}

Result<Response> unassign_role(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string user = TRY(fields.required("username"));
  TRY(services.access->unassign_role(user, TRY(read_id(fields, "role_id"))));
  return reply({});
}

// Somebody who manages a workspace sees the roles of others there, and no others.
Result<Response> list_user_roles(Services& services, const Request& request) {
  const std::string user = TRY(Fields(request).required("username"));
  TRY(services.access->get_user(user));
  const bool sees_all = user == request.user || services.access->is_admin(request.user);
  JsonArray roles;
  for (const sa::Role& role : services.access->roles_of(user)) {
    if (sees_all || services.access->manages_workspace(request.user, role.workspace))
      roles.push_back(role_json(role));
  }
  return list_reply("roles", std::move(roles));
}

Result<Response> list_role_users(Services& services, const Request& request) {
  JsonArray assignments;
  for (const sa::RoleAssignment& assignment :
       TRY(services.access->users_of_role(TRY(read_id(Fields(request), "role_id")))))
    assignments.push_back(assignment_json(assignment));
  return list_reply("assignments", std::move(assignments));
}

}  // namespace

void add_auth_routes(std::vector<http::Route>& routes, Services& services) {
  const auto v2 = [&](Method method, const char* path, Handle handle) {
    add(routes, services, method, path, std::move(handle));
  };
  v2(Method::kPost, "/mlflow/users/create", create_user);
  v2(Method::kGet, "/mlflow/users/get", get_user);
  v2(Method::kGet, "/mlflow/users/list", list_users);
  v2(Method::kGet, "/mlflow/users/current", current_user);
  v2(Method::kPatch, "/mlflow/users/update-password", update_password);
  v2(Method::kPatch, "/mlflow/users/update-admin", update_admin);
  v2(Method::kDelete, "/mlflow/users/delete", delete_user);
  v2(Method::kPost, "/mlflow/experiments/permissions/create", create_permission<kExperiments>);
  v2(Method::kGet, "/mlflow/experiments/permissions/get", get_permission<kExperiments>);
  v2(Method::kPatch, "/mlflow/experiments/permissions/update", update_permission<kExperiments>);
  v2(Method::kDelete, "/mlflow/experiments/permissions/delete", delete_permission<kExperiments>);
  v2(Method::kPost, "/mlflow/registered-models/permissions/create", create_permission<kModels>);
  v2(Method::kGet, "/mlflow/registered-models/permissions/get", get_permission<kModels>);
  v2(Method::kPatch, "/mlflow/registered-models/permissions/update", update_permission<kModels>);
  v2(Method::kDelete, "/mlflow/registered-models/permissions/delete", delete_permission<kModels>);

  const auto v3 = [&](Method method, const std::string& path, const Handle& handle) {
    for (const char* prefix : {"/api/3.0", "/ajax-api/3.0"})
      add_one(routes, services, method, prefix + path, handle);
  };
  v3(Method::kGet, "/mlflow/users/current/permissions", list_own);
  v3(Method::kGet, "/mlflow/users/permissions/list", list_held);
  v3(Method::kPost, "/mlflow/users/permissions/grant", grant);
  v3(Method::kPost, "/mlflow/users/permissions/revoke", revoke);
  v3(Method::kDelete, "/mlflow/users/permissions/revoke", revoke);
  v3(Method::kGet, "/mlflow/users/permissions/get", get_held);
  v3(Method::kPost, "/mlflow/roles/create", create_role);
  v3(Method::kGet, "/mlflow/roles/get", get_role);
  v3(Method::kGet, "/mlflow/roles/list", list_roles);
  v3(Method::kPatch, "/mlflow/roles/update", update_role);
  v3(Method::kDelete, "/mlflow/roles/delete", delete_role);
  v3(Method::kPost, "/mlflow/roles/permissions/add", add_role_permission);
  v3(Method::kDelete, "/mlflow/roles/permissions/remove", remove_role_permission);
  v3(Method::kGet, "/mlflow/roles/permissions/list", list_role_permissions);
  v3(Method::kPatch, "/mlflow/roles/permissions/update", update_role_permission);
  v3(Method::kPost, "/mlflow/roles/assign", assign_role);
  v3(Method::kDelete, "/mlflow/roles/unassign", unassign_role);
  v3(Method::kGet, "/mlflow/users/roles/list", list_user_roles);
  v3(Method::kGet, "/mlflow/roles/users/list", list_role_users);
}

}  // namespace slipway::api::mlflow
