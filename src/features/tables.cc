#include "features/tables.h"

namespace slipway::features {

store::RoomMigrations migrations() {
  return {"features", {{1, R"(
    CREATE TABLE feature_rows(
      number INTEGER PRIMARY KEY,
      workspace TEXT NOT NULL DEFAULT 'default',
      source TEXT NOT NULL, event_time INTEGER NOT NULL, arrival_time INTEGER NOT NULL,
      identity INTEGER NOT NULL, row TEXT NOT NULL,
      UNIQUE(source, event_time, arrival_time, identity));
    CREATE TABLE feature_state(
      workspace TEXT PRIMARY KEY, materialized INTEGER NOT NULL)
  )"}}};
}

}  // namespace slipway::features
