// What routes hear of: what became of alerts and of pipelines, and how each kind of route is told.
// Pure functions.
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

// An alert that opened or was resolved, or whose action came to nothing; or what became of a
// pipeline, as the notice in its event tells of it.
struct RouteNews {
  std::string event;     // "alert.opened", "alert.resolved", "action.failed", "action.refused";
                         // "pipeline.failed", "pipeline.recovered", "pipeline.late" ...
  base::Timestamp time;  // event time
  JsonObject about;  // monitor, alert, endpoint, metric, value ...; or pipeline, run, reason ...
  std::vector<std::string> routes;  // that hear of it

  bool is_of_pipeline() const { return event.starts_with("pipeline."); }
  // Alertmanager keeps what lasts, until it is over.
  bool is_over() const { return event == "alert.resolved" || event == "pipeline.recovered"; }
  // What stays in order: an alert, or a pipeline.
  std::string subject(const store::Event& of) const;

  // What a delivery keeps of them, and read back; nothing: it is something else.
  static std::string to_text(const std::vector<RouteNews>& news);
  static std::optional<std::vector<RouteNews>> from_text(std::string_view text);
};
// An alert that was silenced and still is open when the silence ends has opened for whoever is
// told.
std::optional<RouteNews> route_news_of(const store::Event& event);
// An alert that is open, of its event's payload; a pipeline that fails, of its notice.
RouteNews open_alert(base::Timestamp opened_at, JsonObject payload);
RouteNews open_failure(JsonObject notice);
RouteNews example_alert(const std::string& route, base::Timestamp now);

// When something is sent.
struct Moment {
  base::Timestamp now;   // of the server: a rehearsal's event time may be long ago
  base::Duration stays;  // after it who forgets what isn't repeated may forget it
};
// The body of a delivery, to a route that is no mail. `news` isn't empty; more than one only go to
// Alertmanager.
std::string route_body(Format format, const std::vector<RouteNews>& news, const Moment& moment);

struct RouteMail {
  std::string subject, text;  // UTF-8; the subject is one line
  std::string thread;         // the same for all mails about one alert, or one failure
};
RouteMail route_mail(const RouteNews& news);

}  // namespace slipway::webhooks
