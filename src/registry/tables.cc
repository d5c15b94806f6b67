#include "registry/registry.h"

namespace slipway::registry {

store::RoomMigrations migrations() {
  return {"registry",
          {{1, R"(
    CREATE TABLE registered_models(
      workspace TEXT NOT NULL DEFAULT 'default', name TEXT PRIMARY KEY, description TEXT NOT NULL DEFAULT '',
      created INTEGER NOT NULL, updated INTEGER NOT NULL, last_version INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE registered_model_tags(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL REFERENCES registered_models(name) ON UPDATE CASCADE ON DELETE CASCADE,
      key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(model, key));
    CREATE TABLE model_versions(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL REFERENCES registered_models(name) ON UPDATE CASCADE ON DELETE CASCADE,
      version INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
      description TEXT NOT NULL, stage TEXT NOT NULL, source TEXT NOT NULL, run_id TEXT NOT NULL, run_link TEXT NOT NULL,
      model_id TEXT NOT NULL, gate TEXT NOT NULL DEFAULT '', PRIMARY KEY(model, version));
    CREATE INDEX model_versions_run ON model_versions(run_id);
    CREATE TABLE model_version_tags(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, version INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY(model, version, key),
      FOREIGN KEY(model, version) REFERENCES model_versions(model, version) ON UPDATE CASCADE ON DELETE CASCADE);
    CREATE TABLE model_aliases(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY(model, alias),
      FOREIGN KEY(model, version) REFERENCES model_versions(model, version) ON UPDATE CASCADE ON DELETE CASCADE);
    CREATE TABLE protected_aliases(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, alias TEXT NOT NULL, PRIMARY KEY(model, alias));
    CREATE TABLE alias_moves(
      number INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, alias TEXT NOT NULL,
      from_version INTEGER, to_version INTEGER, time INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT NOT NULL);
    CREATE INDEX alias_moves_model ON alias_moves(model, number)
  )"},
           {2, R"(
    ALTER TABLE model_versions ADD COLUMN storage TEXT NOT NULL DEFAULT '';
    ALTER TABLE protected_aliases ADD COLUMN gated INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE alias_approvers(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, alias TEXT NOT NULL, approver TEXT NOT NULL,
      PRIMARY KEY(model, alias, approver),
      FOREIGN KEY(model, alias) REFERENCES protected_aliases(model, alias) ON UPDATE CASCADE ON DELETE CASCADE);
    CREATE TABLE alias_approvals(
      workspace TEXT NOT NULL DEFAULT 'default', model TEXT NOT NULL, alias TEXT NOT NULL, version INTEGER NOT NULL,
      approver TEXT NOT NULL, reason TEXT NOT NULL, time INTEGER NOT NULL,
      PRIMARY KEY(model, alias, version, approver),
      FOREIGN KEY(model, alias) REFERENCES protected_aliases(model, alias) ON UPDATE CASCADE ON DELETE CASCADE);
    CREATE INDEX model_version_tags_key ON model_version_tags(key, model, version)
  )"}}};
}

}  // namespace slipway::registry
