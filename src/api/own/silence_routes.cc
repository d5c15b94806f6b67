#include "api/own/silence_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using monitor::Monitor;

Result<Response> list(Monitor& monitor, const Request& request) {
  const std::string state = request.query("state").value_or("current");
  if (state != "current" && state != "all")
    return base::error(Code::kInvalidArgument, "state must be current or all: {}", state);
  const base::Timestamp now = monitor.now();
  JsonArray silences, windows;
  for (const monitor::Silence& silence :
       TRY(monitor.silences(state == "all" ? base::Timestamp{INT64_MIN} : now)))
    silences.push_back(silence.to_json(now));
  for (const monitor::MaintenanceWindow& window : monitor.maintenance()) {
    JsonObject object = window.to_json();
    object["name"] = window.name;
    const auto until = window.covers(now);
    object["until"] = until ? Json(types::to_rfc3339(*until)) : Json(nullptr);
    windows.push_back(std::move(object));
  }
  return reply({{"silences", std::move(silences)}, {"maintenance", std::move(windows)}});
}

// {match: [...], starts, ends | for, comment}
Result<Response> add(Monitor& monitor, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  monitor::Silence draft;
  const Json* match = body.if_contains("match");
  if (match == nullptr || !match->is_array())
    return base::error(Code::kInvalidArgument, "match must be a list such as [\"endpoint=NAME\"]");
  for (const Json& text : match->get_array()) {
    draft.matchers.push_back(TRY(monitor::parse_matcher(
        text.is_string() ? std::string_view(text.get_string()) : std::string_view())));
  }
  draft.starts_at = TRY(read_time(body, "starts")).value_or(monitor.now());
  const auto ends = TRY(read_time(body, "ends"));
  const auto length = TRY(base::find_string(body, "for"));
  if (ends.has_value() == length.has_value())
    return base::error(Code::kInvalidArgument, "a silence needs exactly one of ends and for");
  draft.ends_at = ends ? *ends : draft.starts_at + TRY(types::parse_duration(*length));
  draft.comment = TRY(base::find_string(body, "comment")).value_or("");
  draft.created_by = TRY(read_actor(request, body));
  return reply(TRY(monitor.add_silence(std::move(draft))).to_json(monitor.now()));
}

Result<Response> expire(Monitor& monitor, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto silence = TRY(
      monitor.expire_silence(TRY(id_in_path(request, "silence")), TRY(read_actor(request, body))));
  return reply(silence.to_json(monitor.now()));
}

Result<Response> acknowledge(Monitor& monitor, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  return reply(
      TRY(monitor.acknowledge(TRY(id_in_path(request, "alert")), TRY(read_actor(request, body)),
                              TRY(base::find_string(body, "comment")).value_or("")))
          .to_json());
}

}  // namespace

std::vector<http::Route> silence_routes(Monitor& monitor) {
  const std::string base = "/slipway/v1/silences";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "What keeps alerts quiet: silences (state=all: those that are over, too), and "
                  "maintenance windows.",
       .handler = answering([&monitor](const Request& r) { return list(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base,
       .summary = "Silences alerts: {match: [\"endpoint=NAME\"], starts, ends or for, comment}.",
       .handler = answering([&monitor](const Request& r) { return add(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{id}/expire",
       .summary = "Ends a silence now.",
       .handler = answering([&monitor](const Request& r) { return expire(monitor, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/alerts/{id}/acknowledge",
       .summary = "Says that somebody has seen an alert: {comment, actor}.",
       .handler = answering([&monitor](const Request& r) { return acknowledge(monitor, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
