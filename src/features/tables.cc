#include "features/tables.h"

namespace slipway::features {

store::RoomMigrations migrations() {
  return {"features",
          {{1, R"(
    CREATE TABLE feature_rows(
      number INTEGER PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      source TEXT NOT NULL, event_time INTEGER NOT NULL, arrival_time INTEGER NOT NULL,
      identity INTEGER NOT NULL, row TEXT NOT NULL,
      UNIQUE(source, event_time, arrival_time, identity));
    CREATE TABLE feature_state(
      workspace TEXT PRIMARY KEY, materialized INTEGER NOT NULL)
  )"},
           {2, R"(
    CREATE TABLE feature_skew(
      workspace TEXT NOT NULL DEFAULT 'default',
      endpoint TEXT NOT NULL, feature TEXT NOT NULL, version TEXT NOT NULL,
      looked_until INTEGER NOT NULL, state TEXT NOT NULL,
      PRIMARY KEY(workspace, endpoint, feature, version));
    CREATE TABLE feature_skew_passes(
      workspace TEXT NOT NULL DEFAULT 'default',
      endpoint TEXT NOT NULL, until INTEGER NOT NULL,
      requests INTEGER NOT NULL, different INTEGER NOT NULL,
      PRIMARY KEY(workspace, endpoint, until));
    CREATE TABLE feature_skew_state(
      workspace TEXT PRIMARY KEY, looked_until INTEGER NOT NULL)
  )"},
           {3, R"(
    CREATE TABLE feature_skew_behind(
      workspace TEXT NOT NULL DEFAULT 'default',
      endpoint TEXT NOT NULL, looked_until INTEGER NOT NULL,
      PRIMARY KEY(workspace, endpoint))
  )"},
           {4, R"(
    CREATE TABLE feature_offsets(
      workspace TEXT NOT NULL DEFAULT 'default',
      source TEXT NOT NULL, stream TEXT NOT NULL, partition INTEGER NOT NULL,
      next INTEGER NOT NULL,
      PRIMARY KEY(workspace, source, stream, partition));
    CREATE TABLE feature_online(
      workspace TEXT PRIMARY KEY, prefix TEXT NOT NULL)
  )"},
           {5, R"(
    ALTER TABLE feature_state ADD COLUMN loads INTEGER NOT NULL DEFAULT 0
  )"},
           {6, R"(
    CREATE TABLE feature_service_versions(
      workspace TEXT NOT NULL DEFAULT 'default',
      service TEXT NOT NULL, version INTEGER NOT NULL,
      since INTEGER NOT NULL, definition TEXT NOT NULL,
      PRIMARY KEY(workspace, service, version))
  )"},
           // Of a row that came without its arrival time: what was said of it.
           {7, R"(
    ALTER TABLE feature_rows ADD COLUMN said INTEGER;
    CREATE INDEX feature_rows_said ON feature_rows(source, event_time, said) WHERE said IS NOT NULL
  )"}}};
}

Result<std::string> ensure_online_prefix(store::Db& db, base::Random& random) {
  const std::string fresh = "slipway:" + random.hex(6);
  return db.write([&](store::Tx& tx) -> Result<std::string> {
    TRY(
        tx.execute("INSERT INTO feature_online(workspace, prefix) VALUES('default', ?) "
                   "ON CONFLICT DO NOTHING",
                   {fresh}));
    return TRY(tx.find("SELECT prefix FROM feature_online WHERE workspace = 'default'", {},
                       [](const store::Row& row) { return row.string(0); }))
        .value_or(fresh);
  });
}

}  // namespace slipway::features
