// The `routes:` part of slipway.yaml: places that hear of alerts. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::webhooks {

enum class Format {
  kMlflow,        // what MLflow's webhooks send; no route
  kWebhook,       // {"event", "time", "alert": {...}}, signed when there is a secret
  kSlack,         // {"text"}: Slack's incoming webhooks, and what is compatible
  kAlertmanager,  // Prometheus Alertmanager's POST /api/v2/alerts
  kEmail,         // a mail over SMTP
  kOpenLineage,   // events of OpenLineage, to the address that the settings name; no route
};
std::string_view format_name(Format format);
// Whether the `routes:` of slipway.yaml have such places.
inline bool is_route(Format format) {
  return format != Format::kMlflow && format != Format::kOpenLineage;
}
Format parse_format(std::string_view name);  // of what format_name() gave

// Who a mail is from and to, and how its server is spoken to.
struct MailOptions {
  std::vector<std::string> to;  // addresses
  std::string from, user;       // an empty user: no login; its password is the route's secret
  bool needs_tls = true;        // STARTTLS with smtp://, from the first byte with smtps://

  JsonObject to_json() const;
  static MailOptions from_text(std::string_view text);  // of what to_json() gave
  bool operator==(const MailOptions&) const = default;
};

struct Route {
  std::string name;
  Format format = Format::kWebhook;
  std::string url, secret;  // as written: resolve_reference() gives what is meant
  MailOptions mail;         // of a mail
  bool operator==(const Route&) const = default;
};

// kInvalidArgument with line and column. Variables need not be set.
Result<std::vector<Route>> parse_routes(const types::YamlSource& slipway_yaml);

// A text, or the value of the variable that "${SLIPWAY_ROUTE_...}" names: what must not stand in a
// file. kInvalidArgument: another name; kFailedPrecondition: the variable isn't set.
Result<std::string> resolve_reference(const std::string& text);

// Where a delivery goes: Alertmanager's address gets the path of its API.
std::string address_of(Format format, std::string url);

}  // namespace slipway::webhooks
