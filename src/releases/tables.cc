#include "releases/tables.h"

namespace slipway::releases {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE release_endpoints(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  salt TEXT NOT NULL,
  current_revision INTEGER,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, name));

CREATE TABLE release_revisions(
  workspace TEXT NOT NULL DEFAULT 'default',
  endpoint TEXT NOT NULL,
  number INTEGER NOT NULL,
  kind TEXT NOT NULL,
  variants TEXT NOT NULL,
  features TEXT NOT NULL,
  output TEXT NOT NULL,
  salt TEXT NOT NULL,
  log_policy TEXT NOT NULL,
  policy TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  arrival_time INTEGER NOT NULL,
  previous INTEGER,
  restores INTEGER,
  PRIMARY KEY(workspace, endpoint, number));

CREATE TABLE release_gates(
  workspace TEXT NOT NULL DEFAULT 'default',
  id TEXT NOT NULL,
  model TEXT NOT NULL,
  candidate_version INTEGER,
  champion_version INTEGER,
  verdict TEXT NOT NULL,
  report TEXT NOT NULL,
  actor TEXT NOT NULL,
  event_time INTEGER NOT NULL,
  arrival_time INTEGER NOT NULL,
  promoted_version INTEGER,
  PRIMARY KEY(workspace, id));
CREATE INDEX release_gates_by_model ON release_gates(workspace, model, arrival_time)
)sql";

// How models are run.
constexpr std::string_view kSecond = R"sql(
ALTER TABLE release_revisions ADD COLUMN running TEXT NOT NULL DEFAULT '{}'
)sql";

// What no person did.
constexpr std::string_view kCauses = R"sql(
ALTER TABLE release_revisions ADD COLUMN cause TEXT NOT NULL DEFAULT ''
)sql";

// Which promotion a verdict was used for. Of those before it only the version is known.
constexpr std::string_view kPromotions = R"sql(
ALTER TABLE release_gates ADD COLUMN promoted_alias TEXT NOT NULL DEFAULT '';
ALTER TABLE release_gates ADD COLUMN is_done INTEGER NOT NULL DEFAULT 0;
UPDATE release_gates SET is_done = 1 WHERE promoted_version IS NOT NULL
)sql";

}  // namespace

store::RoomMigrations migrations() {
  return {"releases", {{1, kFirst}, {2, kSecond}, {3, kCauses}, {4, kPromotions}}};
}

}  // namespace slipway::releases
