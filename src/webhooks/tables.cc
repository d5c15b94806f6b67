#include "webhooks/webhooks.h"

namespace slipway::webhooks {

store::RoomMigrations migrations() {
  return {"webhooks",
          {{1, R"(
    CREATE TABLE webhooks(
      workspace TEXT NOT NULL DEFAULT 'default', id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL,
      url TEXT NOT NULL, secret TEXT NOT NULL, active INTEGER NOT NULL, seen INTEGER NOT NULL,
      created INTEGER NOT NULL, updated INTEGER NOT NULL);
    CREATE TABLE webhook_events(
      workspace TEXT NOT NULL DEFAULT 'default', webhook TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
      event TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY(webhook, event));
    CREATE TABLE webhook_deliveries(
      workspace TEXT NOT NULL DEFAULT 'default', id TEXT PRIMARY KEY,
      webhook TEXT NOT NULL REFERENCES webhooks(id) ON DELETE CASCADE,
      event TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL, tries INTEGER NOT NULL,
      next_time INTEGER NOT NULL, created INTEGER NOT NULL);
    CREATE INDEX webhook_deliveries_next ON webhook_deliveries(next_time);
    CREATE INDEX webhook_deliveries_webhook ON webhook_deliveries(webhook)
  )"},
           {2, R"(
    ALTER TABLE webhooks ADD COLUMN format TEXT NOT NULL DEFAULT 'mlflow'
  )"}}};
}

}  // namespace slipway::webhooks
