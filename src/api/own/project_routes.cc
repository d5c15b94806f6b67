#include "api/own/project_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

Result<ProjectControl::Declared> read_declared(const Request& request) {
  const JsonObject body = TRY(read_body(request));
  ProjectControl::Declared declared;
  declared.yaml = TRY(base::get_string(body, "yaml"));
  declared.folder = TRY(base::get_string(body, "dir"));
  declared.actor = TRY(read_actor(request, body));
  declared.take_over = TRY(read_flag(body, "take_over")).value_or(false);
  if (const Json* prune = body.if_contains("prune")) {
    if (!prune->is_array())
      return base::error(Code::kInvalidArgument, "prune is a list of names like endpoints/NAME");
    for (const Json& name : prune->get_array()) {
      if (!name.is_string())
        return base::error(Code::kInvalidArgument, "prune is a list of names like endpoints/NAME");
      declared.prune.insert(std::string(std::string_view(name.get_string())));
    }
  }
  return declared;
}

Result<Response> advance(ProjectControl& project, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const auto target = TRY(read_time(body, "advance_to"));
  if (!target) return base::error(Code::kInvalidArgument, "advance_to is missing");
  return reply(TRY(project.advance_clock(*target)));
}

}  // namespace

std::vector<http::Route> project_routes(ProjectControl& project) {
  return {
      {.method = Method::kPost,
       .pattern = "/slipway/v1/plan",
       .summary = "What apply would change; changes nothing.",
       .handler = answering([&project](const Request& r) -> Result<Response> {
         return reply(TRY(project.plan(TRY(read_declared(r)))));
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/apply",
       .summary = "Declares what slipway.yaml says; `prune` names what it no longer has, to be "
                  "removed; `take_over`: also when what another project has applied ends.",
       .handler = answering([&project](const Request& r) -> Result<Response> {
         return reply(TRY(project.apply(TRY(read_declared(r)))));
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/clock",
       .summary = "The event clock, and whether it stands still for a run.",
       .handler = answering(
           [&project](const Request&) -> Result<Response> { return reply(TRY(project.clock())); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/clock",
       .summary = "Walks the event clock of a rehearsal forward through everything that is due.",
       .handler = answering([&project](const Request& r) { return advance(project, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/overview",
       .summary = "Every model in production with its health in a word.",
       .handler = answering([&project](const Request&) -> Result<Response> {
         return reply(TRY(project.overview()));
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
