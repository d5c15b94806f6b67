#include "incidents/tables.h"

namespace slipway::incidents {

store::RoomMigrations migrations() {
  return {"incidents", {{1, R"sql(
CREATE TABLE incidents(
  workspace TEXT NOT NULL DEFAULT 'default',
  id INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  title TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL,
  owner TEXT NOT NULL,
  opened_by TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  bad_since INTEGER NOT NULL,
  by_alert INTEGER NOT NULL,
  mitigated_at INTEGER,
  resolved_at INTEGER,
  PRIMARY KEY(workspace, id));
CREATE INDEX incidents_by_endpoint ON incidents(workspace, endpoint, state);

-- Actions that opened or joined one: each does so once.
CREATE TABLE incident_causes(
  workspace TEXT NOT NULL DEFAULT 'default',
  cause TEXT NOT NULL,
  incident INTEGER NOT NULL,
  PRIMARY KEY(workspace, cause))
)sql"}}};
}

}  // namespace slipway::incidents
