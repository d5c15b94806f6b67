// What became of alerts, and how each kind of route is told of it. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/timestamp.h"
#include "store/db.h"
#include "webhooks/route.h"

namespace slipway::webhooks {

// An alert that opened or was resolved, or whose action came to nothing, as its event tells of it.
struct AlertNews {
  std::string event;     // "alert.opened", "alert.resolved", "action.failed", "action.refused"
  base::Timestamp time;  // event time
  JsonObject alert;      // monitor, alert, endpoint, metric, value ...
  std::vector<std::string> routes;  // that hear of it

  // What a delivery keeps of them, and read back; nothing: it is something else.
  static std::string to_text(const std::vector<AlertNews>& news);
  static std::optional<std::vector<AlertNews>> from_text(std::string_view text);
};
// An alert that was silenced and still is open when the silence ends has opened for whoever is
// told.
std::optional<AlertNews> alert_news_of(const store::Event& event);
// An alert that is open, of its event's payload.
AlertNews open_alert(base::Timestamp opened_at, JsonObject payload);
AlertNews example_alert(const std::string& route, base::Timestamp now);

// When something is sent.
struct Moment {
  base::Timestamp now;   // of the server: a rehearsal's event time may be long ago
  base::Duration stays;  // after it who forgets what isn't repeated may forget it
};
// The body of a delivery, to a route that is no mail. `news` isn't empty; more than one only go to
// Alertmanager.
std::string alert_body(Format format, const std::vector<AlertNews>& news, const Moment& moment);

struct AlertMail {
  std::string subject, text;  // UTF-8; the subject is one line
  std::string thread;         // the same for all mails about one alert
};
AlertMail alert_mail(const AlertNews& news);

}  // namespace slipway::webhooks
