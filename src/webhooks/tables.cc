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
  )"},
           // `options` of a mail: to, from, user. `form` of a delivery: 'ready', or 'news' of
           // alerts, which become a body of the route's kind when they are sent.
           {3, R"(
    ALTER TABLE webhooks ADD COLUMN options TEXT NOT NULL DEFAULT '';
    ALTER TABLE webhook_deliveries ADD COLUMN form TEXT NOT NULL DEFAULT 'ready';
    CREATE INDEX webhook_deliveries_order ON webhook_deliveries(webhook, sequence)
  )"},
           // What a delivery is about keeps its order: an alert; '' is everything of the route.
           {4, R"(
    ALTER TABLE webhook_deliveries ADD COLUMN about TEXT NOT NULL DEFAULT ''
  )"},
           {5, R"(
    CREATE INDEX webhook_deliveries_due ON webhook_deliveries(webhook, next_time);
    DROP INDEX webhook_deliveries_next;
    DROP INDEX webhook_deliveries_webhook
  )"}}};
}

}  // namespace slipway::webhooks
