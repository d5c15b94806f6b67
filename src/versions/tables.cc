#include "versions/tables.h"

namespace slipway::versions {
namespace {

constexpr std::string_view kFirst = R"sql(
CREATE TABLE data_repositories(
  workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL, created_at INTEGER NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE data_refs(
  workspace TEXT NOT NULL DEFAULT 'default', repository TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  commit_digest TEXT NOT NULL, moved_at INTEGER NOT NULL, moved_by TEXT NOT NULL,
  PRIMARY KEY(workspace, repository, kind, name))
)sql";

}  // namespace

store::RoomMigrations migrations() { return {"versions", {{1, kFirst}}}; }

}  // namespace slipway::versions
