#include "api/own/server_routes.h"

#include <charconv>

#include "api/http/openapi.h"
#include "api/own/shapes.h"
#include "base/json.h"
#include "pipelines/server_table.h"
#include "store/events.h"
#include "types/timestamp.h"

namespace slipway::api::own {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;

constexpr std::int64_t kEventsPageMax = 1000;

// A whole number from the query, or `otherwise` when it isn't given.
Result<std::int64_t> query_int(const Request& request, std::string_view name,
                               std::int64_t otherwise, std::int64_t low, std::int64_t high) {
  const std::optional<std::string> text = request.query(name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size() || value < low || value > high) {
    return base::error(Code::kInvalidArgument,
                       "query parameter: expected a whole number from {} to {}: name={} got={}",
                       low, high, name, *text);
  }
  return value;
}

// A moment from the query: RFC 3339, or a day, which begins at midnight UTC.
Result<std::optional<base::Timestamp>> query_time(const Request& request, std::string_view name) {
  const std::optional<std::string> text = request.query(name);
  if (!text || text->empty()) return std::optional<base::Timestamp>();
  constexpr std::size_t kDay = 10;  // 2026-11-28
  const auto time = types::parse_rfc3339(text->size() == kDay ? *text + "T00:00:00Z" : *text);
  if (!time) return Error(time.error()).with_context(fmt::format("query parameter {}", name));
  return std::optional(*time);
}

JsonObject to_json(const store::Event& event) {
  const Result<Json> payload = base::parse_json(event.payload);
  return {{"sequence", event.sequence},
          {"event_time", types::to_rfc3339(event.event_time)},
          {"arrival_time", types::to_rfc3339(event.arrival_time)},
          {"actor", event.actor},
          {"kind", event.kind},
          {"subject", event.subject},
          {"payload", payload ? *payload : Json(nullptr)}};
}

Result<Response> list(store::Db& db, const Request& request) {
  store::EventFilter filter;
  filter.subject = request.query("subject").value_or("");
  filter.kind = request.query("kind").value_or("");
  filter.actor = request.query("actor").value_or("");
  filter.from = TRY(query_time(request, "from"));
  filter.until = TRY(query_time(request, "until"));
  filter.after = TRY(query_int(request, "after", 0, 0, std::numeric_limits<std::int64_t>::max()));
  constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();
  filter.before = TRY(query_int(request, "before", kNewest, 1, kNewest));
  filter.limit = static_cast<std::size_t>(TRY(query_int(request, "limit", 100, 1, kEventsPageMax)));
  filter.newest_first = request.query("order").value_or("") == "newest";
  JsonArray events;
  for (const store::Event& event : TRY(store::list_events(db, filter)))
    events.push_back(to_json(event));
  return Response::json(base::to_text(JsonObject{{"events", std::move(events)}}));
}

Result<Response> verify(store::Db& db, const Request&) {
  const store::ChainReport report = TRY(store::verify_chain(db));
  return Response::json(base::to_text(JsonObject{{"intact", true},
                                                 {"events", report.events},
                                                 {"sealed", report.sealed},
                                                 {"seals", report.seals},
                                                 {"head", report.head}}));
}

Result<Response> servers(store::Db& db, const Request&) {
  JsonArray found;
  for (const pipelines::ServerRecord& server : TRY(pipelines::ServerTable(db).all())) {
    found.push_back(
        JsonObject{{"name", server.name},
                   {"url", server.url},
                   {"leads", server.leads},
                   {"steps_max", server.folder.empty() ? Json(nullptr) : Json(server.steps_max)},
                   {"started", types::to_rfc3339(server.started)}});
  }
  return Response::json(base::to_text(JsonObject{{"servers", std::move(found)}}));
}

http::Handler answer(store::Db& db, Result<Response> (*handle)(store::Db&, const Request&)) {
  return [&db, handle](const Request& request) {
    Result<Response> response = handle(db, request);
    return response ? std::move(*response) : http::error_response(response.error());
  };
}

}  // namespace

std::vector<http::Route> server_routes(store::Db& db, base::Metrics& metrics,
                                       const http::Router& router, std::string_view version) {
  return {
      {.method = Method::kGet,
       .pattern = "/health",
       .summary = "Whether the server answers.",
       .handler = [](const Request&) { return Response::text("OK"); },
       .lane = Lane::kInline,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/metrics",
       .summary = "The server's metrics in Prometheus' text format.",
       .handler =
           [&metrics](const Request&) {
             Response response = Response::text(metrics.prometheus_text());
             response.content_type = "text/plain; version=0.0.4; charset=utf-8";
             return response;
           },
       .lane = Lane::kControl,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/events",
       .summary =
           "What happened: filter by subject (a trailing / takes everything under it), kind, "
           "actor, and from and until when it was written (RFC 3339 or a day); page by "
           "after, before and limit; order=newest begins at the end.",
       .handler = answer(db, list),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/events/verify",
       .summary = "Recomputes the hash chain over all events.",
       .handler = answer(db, verify),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/version",
       .summary = "The version of this server.",
       .handler =
           [version](const Request&) {
             return Response::json(base::to_text(JsonObject{{"version", version}}));
           },
       .lane = Lane::kInline,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/servers",
       .summary = "The servers of this database, and which of them leads.",
       .handler = answer(db, servers),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/openapi.json",
       .summary = "This description.",
       .handler =
           [&router, version](const Request&) {
             return Response::json(http::openapi(router, "slipway", version, shapes()));
           },
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
