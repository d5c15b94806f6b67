#include "api/predict/container_routes.h"

#include "api/predict/scoring_routes.h"
#include "api/predict/v1_routes.h"

namespace slipway::api::predict {

std::vector<http::Route> container_routes(const Served& served, const std::string& endpoint,
                                          const std::string& health_route,
                                          const std::string& predict_route) {
  using http::Method;
  using http::Response;
  std::vector<http::Route> routes;
  const auto get = [&](std::string pattern, std::string summary, http::Handler handler) {
    routes.push_back({.method = Method::kGet,
                      .pattern = std::move(pattern),
                      .summary = std::move(summary),
                      .handler = std::move(handler),
                      .lane = http::Lane::kInline,
                      .tag = "mlflow"});
  };
  // As MLflow's scoring server has it: a line end, and 404 while there is no model.
  const http::Handler ping = [served, endpoint](const http::Request&) {
    return Response::json("\n", served.endpoints.shape(endpoint) ? 200 : 404);
  };
  get("/ping", "The model is loaded.", ping);
  get("/health", "The same.", ping);
  if (health_route != "/ping" && health_route != "/health")
    get(health_route, "The model is loaded.", ping);
  get("/version", "Of this server.",
      [version = served.version](const http::Request&) { return Response::json(version); });
  routes.push_back(invocations_route(served, "/invocations", endpoint));
  if (!predict_route.empty() && predict_route != "/invocations")
    routes.push_back(instances_route(served, predict_route, endpoint));
  return routes;
}

}  // namespace slipway::api::predict
