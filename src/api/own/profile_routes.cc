#include "api/own/profile_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

Result<Response> profile(monitor::Profiles& profiles, releases::Releases& releases,
                         Masking& masking, const Request& request) {
  const std::string& endpoint = request.param("name");
  TRY(releases.require(endpoint));
  monitor::Profiles::Filter filter{.input = request.query("input").value_or(""),
                                   .slice = request.query("slice").value_or("")};
  filter.model_version = TRY(query_integer(request, "version"));
  filter.from = TRY(query_time(request, "from"));
  filter.to = TRY(query_time(request, "to"));
  JsonObject object = TRY(profiles.find(endpoint, filter)).to_json();
  object["endpoint"] = endpoint;
  const governance::Masks masks = TRY(masking.of_names(request));
  for (Json& of : object["inputs"].as_array()) {
    JsonObject& input = of.as_object();
    if (!masks.contains(std::string_view(input["input"].as_string()))) continue;
    for (const char* values : {"numbers", "texts"}) input.erase(values);
    input["masked"] = true;
  }
  return reply(object);
}

}  // namespace

std::vector<http::Route> profile_routes(monitor::Profiles& profiles, releases::Releases& releases,
                                        Masking& masking) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/endpoints/{name}/profile",
       .summary = "What inputs and predictions looked like between from and to (else the last "
                  "day), in whole minutes, hours, days or months: counts, moments, quantiles, "
                  "distinct and frequent values, each with its error; filter by input, version and "
                  "a declared slice.",
       .handler = answering([&profiles, &releases, &masking](const Request& request) {
         return profile(profiles, releases, masking, request);
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
