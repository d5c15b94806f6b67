// The `routes:` part of slipway.yaml: places that hear of alerts, and what is sent to each kind.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "store/db.h"

namespace slipway::webhooks {

enum class Format {
  kMlflow,        // what MLflow's webhooks send; no route
  kWebhook,       // {"event", "time", "alert": {...}}, signed when there is a secret
  kSlack,         // {"text"}: Slack's incoming webhooks, and what is compatible
  kAlertmanager,  // Prometheus Alertmanager's POST /api/v2/alerts
};
std::string_view format_name(Format format);
Format parse_format(std::string_view name);  // of what format_name() gave

struct Route {
  std::string name;
  Format format = Format::kWebhook;
  std::string url, secret;  // as written: resolve_reference() gives what is meant
  bool operator==(const Route&) const = default;
};

// kInvalidArgument with line and column. Variables need not be set.
Result<std::vector<Route>> parse_routes(std::string_view slipway_yaml);

// A text, or the value of the variable that "${SLIPWAY_ROUTE_...}" names: what must not stand in a
// file. kInvalidArgument: another name; kFailedPrecondition: the variable isn't set.
Result<std::string> resolve_reference(const std::string& text);

// An alert that opened or was resolved, as its event tells of it.
struct AlertNews {
  std::string event;                // "alert.opened", "alert.resolved"
  base::Timestamp time;             // event time
  base::Timestamp noted;            // arrival time: a rehearsal's event time may be long ago
  base::Duration stays;             // after it who forgets what isn't repeated may forget it
  JsonObject alert;                 // monitor, alert, endpoint, metric, value ...
  std::vector<std::string> routes;  // that hear of it
};
std::optional<AlertNews> alert_news_of(const store::Event& event);
AlertNews example_alert(const std::string& route, base::Timestamp now);

// The body of a delivery.
std::string alert_body(Format format, const AlertNews& news);
// Where it goes: Alertmanager's address gets the path of its API.
std::string address_of(Format format, std::string url);

}  // namespace slipway::webhooks
