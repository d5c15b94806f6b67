#include "api/predict/scoring_routes.h"

#include "api/predict/answer.h"
#include "api/predict/body.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Method;
using http::Request;
using http::Response;
using serving::Prediction;

// MLflow's scoring server says it like this.
Response invocation_error(const Error& error) {
  const char* code = error.code == Code::kInvalidArgument     ? "BAD_REQUEST"
                     : error.code == Code::kNotFound          ? "RESOURCE_DOES_NOT_EXIST"
                     : error.code == Code::kUnavailable       ? "TEMPORARILY_UNAVAILABLE"
                     : error.code == Code::kResourceExhausted ? "REQUEST_LIMIT_EXCEEDED"
                                                              : "INTERNAL_ERROR";
  return failed({{"error_code", code}, {"message", error.message}}, error);
}

Result<Response> invoke(const Served& served, const Request& request) {
  const std::string& name = request.param("name");
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(reader().read_invocation(body, model));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const Prediction prediction =
      TRY(predict(served, request, name, std::move(parsed), serving::UnknownInputs::kIgnored));
  Response response = Response::json(invocation_answer(prediction));
  response.headers = {{"Slipway-Request-Id", prediction.id},
                      {"Slipway-Revision", std::to_string(prediction.revision)},
                      {"Slipway-Model-Version", std::to_string(prediction.model_version)}};
  return response;
}

}  // namespace

std::vector<http::Route> scoring_routes(const Served& served) {
  std::vector<http::Route> routes;
  routes.push_back({.method = Method::kPost,
                    .pattern = "/endpoints/{name}/invocations",
                    .summary = "Predictions as MLflow's scoring server gives them.",
                    .handler = answering([served](const Request& r) { return invoke(served, r); },
                                         invocation_error),
                    .lane = http::Lane::kInline,
                    .tag = "mlflow"});
  score_in_queue(routes.back(), served, invocation_error);
  return routes;
}

}  // namespace slipway::api::predict
