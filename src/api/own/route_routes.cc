#include "api/own/route_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using webhooks::Webhooks;

Result<Response> list(Webhooks& webhooks) {
  JsonArray routes;
  for (const webhooks::RouteState& route : TRY(webhooks.routes())) {
    // Without its address: that may hold a key.
    routes.push_back(JsonObject{{"name", route.name},
                                {"kind", webhooks::format_name(route.format)},
                                {"signed", route.is_signed},
                                {"waiting", route.waiting}});
  }
  return reply({{"routes", std::move(routes)}});
}

Result<Response> test(Webhooks& webhooks, const Request& request) {
  const webhooks::TestResult result = TRY(webhooks.test_route(request.param("name")));
  JsonObject object{{"delivered", result.success}, {"status", nullptr}, {"error", nullptr}};
  if (result.status != 0) object["status"] = result.status;
  if (!result.error.empty()) object["error"] = result.error;
  return reply(object);
}

}  // namespace

std::vector<http::Route> route_routes(Webhooks& webhooks) {
  const std::string base = "/slipway/v1/routes";
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Where alerts go, and how many deliveries wait.",
       .handler = answering([&webhooks](const Request&) { return list(webhooks); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/test",
       .summary = "Sends an example alert now, once.",
       .handler = answering([&webhooks](const Request& r) { return test(webhooks, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
