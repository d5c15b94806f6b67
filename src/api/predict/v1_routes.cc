#include "api/predict/v1_routes.h"

#include "api/predict/answer.h"
#include "api/predict/body.h"
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

Result<Response> predict_instances(const Served& served, const std::string& name,
                                   const Request& request) {
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(reader().read_instances(body, model));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const serving::Prediction prediction =
      TRY(predict(served, request, name, std::move(parsed), serving::UnknownInputs::kIgnored));
  return Response::json("{\"predictions\":" + rows_answer(prediction, NonFinite::kNull) + "}");
}

Result<Response> predict_v1(const Served& served, const Request& request) {
  return predict_instances(served, request.param("name"), request);
}

}  // namespace

http::Route instances_route(const Served& served, std::string pattern, std::string endpoint) {
  return {.method = Method::kPost,
          .pattern = std::move(pattern),
          .summary = "Predictions for instances.",
          .handler = answering(
              [served, endpoint = std::move(endpoint)](const Request& request) {
                return predict_instances(served, endpoint, request);
              },
              v1_error),
          .lane = http::Lane::kInline,
          .tag = "v1"};
}

std::vector<http::Route> v1_routes(const Served& served) {
  std::vector<http::Route> routes;
  const auto add = [&](Method method, std::string pattern, std::string summary, Handle handle) {
    routes.push_back(
        route_of(served, method, std::move(pattern), std::move(summary), handle, v1_error, "v1"));
  };
  add(Method::kPost, "/v1/models/{name}:predict", "Predictions for instances.", predict_v1);
  score_in_queue(routes.back(), served, v1_error);
  add(Method::kGet, "/v1/models", "The endpoints that answer.", list);
  add(Method::kGet, "/v1/models/{name}", "The endpoint answers.", ready);
  return routes;
}

}  // namespace slipway::api::predict
