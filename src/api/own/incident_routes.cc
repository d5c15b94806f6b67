#include "api/own/incident_routes.h"

#include "api/own/loop_wire.h"
#include "incidents/post_mortem.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using incidents::Incident;
using incidents::Incidents;

Result<Response> list(Incidents& incidents, const Request& request) {
  incidents::IncidentFilter filter{.endpoint = request.query("endpoint").value_or("")};
  const std::string state = request.query("state").value_or("all");
  if (state != "all") filter.state = TRY(incidents::parse_state(state));
  filter.limit = TRY(query_limit(request, 100, 10'000));
  JsonArray found;
  for (const Incident& incident : TRY(incidents.list(filter))) found.push_back(incident.to_json());
  return reply({{"incidents", std::move(found)}});
}

Result<Response> open(Incidents& incidents, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  incidents::Draft draft;
  draft.endpoint = TRY(base::get_string(body, "endpoint"));
  draft.title = TRY(base::get_string(body, "title"));
  if (auto severity = TRY(base::find_string(body, "severity"))) draft.severity = *severity;
  draft.bad_since = TRY(read_time(body, "bad_since"));
  return reply(TRY(incidents.open(draft, TRY(read_actor(request, body)))).to_json());
}

Result<Response> one(Incidents& incidents, const Request& request) {
  return reply(TRY(incidents.report(TRY(id_in_path(request, "incident")))).to_json());
}

Result<Response> note(Incidents& incidents, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  return reply(
      TRY(incidents.note(TRY(id_in_path(request, "incident")), TRY(base::get_string(body, "text")),
                         TRY(read_actor(request, body))))
          .to_json());
}

Result<Response> assign(Incidents& incidents, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  return reply(
      TRY(incidents.assign(TRY(id_in_path(request, "incident")),
                           TRY(base::get_string(body, "owner")), TRY(read_actor(request, body))))
          .to_json());
}

Result<Response> set_state(Incidents& incidents, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto state = TRY(incidents::parse_state(TRY(base::get_string(body, "state"))));
  const std::string reason = TRY(base::find_string(body, "reason")).value_or("");
  return reply(TRY(incidents.set_state(TRY(id_in_path(request, "incident")), state, reason,
                                       TRY(read_actor(request, body))))
                   .to_json());
}

Result<Response> date(Incidents& incidents, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto since = TRY(read_time(body, "bad_since"));
  if (!since) return base::error(Code::kInvalidArgument, "bad_since is missing");
  return reply(TRY(incidents.date(TRY(id_in_path(request, "incident")), *since,
                                  TRY(read_actor(request, body))))
                   .to_json());
}

Result<Response> export_one(Incidents& incidents, const Request& request) {
  Response response;
  response.body =
      incidents::post_mortem(TRY(incidents.report(TRY(id_in_path(request, "incident")))));
  response.content_type = "text/markdown; charset=utf-8";
  return response;
}

}  // namespace

std::vector<http::Route> incident_routes(Incidents& incidents) {
  const std::string base = "/slipway/v1/incidents";
  const auto route = [&](Method method, const std::string& path, std::string summary,
                         auto handle) -> http::Route {
    return {.method = method,
            .pattern = base + path,
            .summary = std::move(summary),
            .handler =
                answering([&incidents, handle](const Request& r) { return handle(incidents, r); }),
            .tag = "slipway"};
  };
  return {
      route(Method::kGet, "", "Incidents, newest first: filter by endpoint, state.", list),
      route(Method::kPost, "", "Opens one: {endpoint, title, severity, bad_since, actor}.", open),
      route(Method::kGet, "/{id}",
            "One with its time line, what changed before it, and how long things took.", one),
      route(Method::kPost, "/{id}/notes", "Adds a note: {text, actor}.", note),
      route(Method::kPost, "/{id}/assign", "Gives it an owner: {owner, actor}.", assign),
      route(Method::kPost, "/{id}/state", "{state: open|mitigated|resolved, reason, actor}.",
            set_state),
      route(Method::kPost, "/{id}/date", "Since when it was bad: {bad_since, actor}.", date),
      route(Method::kGet, "/{id}/post-mortem", "As Markdown, for people to finish.", export_one),
  };
}

}  // namespace slipway::api::own
