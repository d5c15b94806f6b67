#include "api/own/drill_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using monitor::DrillLog;
using monitor::KeptDrill;

Result<Response> list(DrillLog& drills, releases::Releases& releases, const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  JsonArray found;
  for (const KeptDrill& drill : TRY(drills.of_endpoint(endpoint))) found.push_back(drill.summary());
  return reply({{"drills", std::move(found)}});
}

Result<Response> keep(DrillLog& drills, releases::Releases& releases, const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  const JsonObject body = TRY(read_body(request));
  const Json* const report = body.if_contains("report");
  if (report == nullptr || !report->is_object())
    return base::error(Code::kInvalidArgument, "report must be what `slipway drill --json` says");
  return reply(
      TRY(drills.keep(endpoint, report->get_object(), TRY(read_actor(request, body)))).summary());
}

}  // namespace

std::vector<http::Route> drill_routes(DrillLog& drills, releases::Releases& releases) {
  const std::string path = "/slipway/v1/endpoints/{name}/drills";
  return {
      {.method = Method::kGet,
       .pattern = path,
       .summary = "Drills of the endpoint that are kept, newest first: grades and counts.",
       .handler =
           answering([&drills, &releases](const Request& r) { return list(drills, releases, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = path,
       .summary = "Keeps what a drill has found: {report, actor}.",
       .handler =
           answering([&drills, &releases](const Request& r) { return keep(drills, releases, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = path + "/{id}",
       .summary = "One drill with its whole report.",
       .handler = answering([&drills](const Request& request) -> Result<Response> {
         return reply(
             TRY(drills.get(request.param("name"), TRY(id_in_path(request, "drill")))).to_json());
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
