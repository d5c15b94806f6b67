#include "access/access.h"

namespace slipway::access {

store::RoomMigrations migrations() {
  return {"access", {{1, R"(
    CREATE TABLE users(
      id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL DEFAULT 'default', username TEXT NOT NULL UNIQUE,
      password_hash TEXT NOT NULL, is_admin INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE TABLE user_permissions(
      user_id INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', resource_type TEXT NOT NULL, resource TEXT NOT NULL,
      permission TEXT NOT NULL, PRIMARY KEY(user_id, resource_type, resource));
    CREATE INDEX user_permissions_resource ON user_permissions(resource_type, resource);
    CREATE TABLE roles(
      id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL, name TEXT NOT NULL, description TEXT,
      UNIQUE(workspace, name));
    CREATE TABLE role_permissions(
      id INTEGER PRIMARY KEY AUTOINCREMENT, role_id INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default',
      resource_type TEXT NOT NULL, resource_pattern TEXT NOT NULL, permission TEXT NOT NULL,
      UNIQUE(role_id, resource_type, resource_pattern));
    CREATE TABLE user_roles(
      id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, role_id INTEGER NOT NULL,
      workspace TEXT NOT NULL DEFAULT 'default', UNIQUE(user_id, role_id));
    CREATE TABLE access_tokens(
      id TEXT PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', user_id INTEGER NOT NULL, name TEXT NOT NULL,
      digest TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, expires INTEGER);
    CREATE INDEX access_tokens_user ON access_tokens(user_id)
  )"}}};
}

}  // namespace slipway::access
