#include "api/predict/v1_routes.h"

#include "api/predict/answer.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Method;
using http::Request;
using http::Response;

Response v1_error(const Error& error) { return failed({{"error", error.message}}, error); }

Result<Response> list(const Served& served, const Request&) {
  JsonArray models;
  for (const std::string& name : served.endpoints.names()) models.push_back(Json(name));
  return Response::json(base::to_text(JsonObject{{"models", std::move(models)}}));
}

Result<Response> ready(const Served& served, const Request& request) {
  const std::string& name = request.param("name");
  TRY(served.endpoints.shape(name));
  return Response::json(base::to_text(JsonObject{{"name", name}, {"ready", true}}));
}

Result<Response> predict_v1(const Served& served, const std::string& name, const Request& request) {
  const serving::Prediction prediction = TRY(predict_instances(served, request, name));
  return Response::json("{\"predictions\":" + rows_answer(prediction, NonFinite::kNull) + "}");
}

http::Route predict_route(const Served& served, std::string pattern, EndpointOf endpoint_of) {
  http::Route route{.method = Method::kPost,
                    .pattern = std::move(pattern),
                    .summary = "Predictions for instances.",
                    .handler = answering(
                        [served, endpoint_of](const Request& request) {
                          return predict_v1(served, endpoint_of(request), request);
                        },
                        v1_error),
                    .tag = "v1"};
  score_in_queue(route, served, std::move(endpoint_of), v1_error);
  return route;
}

Result<Response> explain_v1(const Served& served, const Request& request) {
  const serving::Explained explained =
      TRY(explain_instances(served, request, named_in_path(request)));
  if (!explained.refusal) return Response::json(explanation_answer(explained));
  Response response = v1_error(*explained.refusal);
  response.status = 501;  // as KServe answers for models that have no explainer
  return response;
}

http::Route explain_route(const Served& served) {
  http::Route route{
      .method = Method::kPost,
      .pattern = "/v1/models/{name}:explain",
      .summary = "What the inputs of instances have to do with their predictions.",
      .handler = answering([served](const Request& request) { return explain_v1(served, request); },
                           v1_error),
      .tag = "v1"};
  score_in_queue(route, served, named_in_path, v1_error);
  route.choose_lane = [](const Request&) { return http::Lane::kScoring; };
  return route;
}

}  // namespace

http::Route instances_route(const Served& served, std::string pattern, std::string endpoint) {
  return predict_route(served, std::move(pattern),
                       [endpoint = std::move(endpoint)](const Request&) { return endpoint; });
}

std::vector<http::Route> v1_routes(const Served& served) {
  std::vector<http::Route> routes;
  const auto add = [&](Method method, std::string pattern, std::string summary, Handle handle) {
    routes.push_back(
        route_of(served, method, std::move(pattern), std::move(summary), handle, v1_error, "v1"));
  };
  routes.push_back(predict_route(served, "/v1/models/{name}:predict", named_in_path));
  routes.push_back(explain_route(served));
  add(Method::kGet, "/v1/models", "The endpoints that answer.", list);
  add(Method::kGet, "/v1/models/{name}", "The endpoint answers.", ready);
  return routes;
}

}  // namespace slipway::api::predict
