#include "objects/tables.h"

namespace slipway::objects {
namespace {

// `pieces` is what pieces.h writes. Contents are shared: `uses` counts the pieces that name one.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE buckets(
  id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL DEFAULT 'default', name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE object_contents(
  id INTEGER PRIMARY KEY AUTOINCREMENT, workspace TEXT NOT NULL DEFAULT 'default', digest TEXT NOT NULL UNIQUE,
  bytes INTEGER NOT NULL, file TEXT NOT NULL UNIQUE, uses INTEGER NOT NULL, unused_since INTEGER);
CREATE INDEX object_contents_unused ON object_contents(unused_since);
CREATE TABLE stored_objects(
  bucket INTEGER NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', object_key TEXT NOT NULL, bytes INTEGER NOT NULL,
  etag TEXT NOT NULL, modified_at INTEGER NOT NULL, properties TEXT NOT NULL, pieces TEXT NOT NULL, made_by TEXT NOT NULL,
  PRIMARY KEY(bucket, object_key));
CREATE TABLE object_uploads(
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', bucket INTEGER NOT NULL, object_key TEXT NOT NULL,
  begun_at INTEGER NOT NULL, properties TEXT NOT NULL);
CREATE INDEX object_uploads_key ON object_uploads(bucket, object_key, id);
CREATE INDEX object_uploads_begun ON object_uploads(begun_at);
CREATE TABLE object_parts(
  upload TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', number INTEGER NOT NULL, bytes INTEGER NOT NULL,
  md5 TEXT NOT NULL, arrived_at INTEGER NOT NULL, checksum TEXT NOT NULL, pieces TEXT NOT NULL, PRIMARY KEY(upload, number))
)sql";

// Files and locks of Git LFS.
constexpr std::string_view kLfs = R"sql(
CREATE TABLE lfs_files(
  repository TEXT NOT NULL, workspace TEXT NOT NULL DEFAULT 'default', oid TEXT NOT NULL, bytes INTEGER NOT NULL,
  arrived_at INTEGER NOT NULL, pieces TEXT NOT NULL, PRIMARY KEY(repository, oid));
CREATE TABLE lfs_locks(
  id TEXT PRIMARY KEY, workspace TEXT NOT NULL DEFAULT 'default', repository TEXT NOT NULL, path TEXT NOT NULL, ref TEXT NOT NULL,
  owner TEXT NOT NULL, locked_at INTEGER NOT NULL, UNIQUE(repository, path))
)sql";

}  // namespace

store::RoomMigrations migrations() { return {"objects", {{1, kFirst}, {2, kLfs}}}; }

}  // namespace slipway::objects
