#include "api/own/profile_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

Result<Response> profile(monitor::Profiles& profiles, releases::Releases& releases,
                         const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  monitor::Profiles::Filter filter{.input = request.query("input").value_or(""),
                                   .slice = request.query("slice").value_or("")};
  filter.model_version = TRY(query_integer(request, "version"));
  filter.from = TRY(query_time(request, "from"));
  filter.to = TRY(query_time(request, "to"));
  JsonObject object = TRY(profiles.find(endpoint, filter)).to_json();
  object["endpoint"] = endpoint;
  return reply(object);
}

}  // namespace

std::vector<http::Route> profile_routes(monitor::Profiles& profiles, releases::Releases& releases) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/endpoints/{name}/profile",
       .summary = "What inputs and predictions looked like between from and to (else the last "
                  "day), in whole minutes, hours, days or months: counts, moments, quantiles, "
                  "distinct and frequent values, each with its error; filter by input, version and "
                  "a declared slice.",
       .handler = answering([&profiles, &releases](const Request& request) {
         return profile(profiles, releases, request);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
