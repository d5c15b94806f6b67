#include "api/predict/scoring_routes.h"

#include "api/predict/answer.h"
#include "api/predict/body.h"
#include "api/predict/invocation_body.h"
#include "api/predict/sagemaker_errors.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Method;
using http::Request;
using http::Response;
using serving::Prediction;

// MLflow's scoring server says it like this.
Response scoring_error(const Error& error) {
  const char* code = error.code == Code::kInvalidArgument     ? "BAD_REQUEST"
                     : error.code == Code::kNotFound          ? "RESOURCE_DOES_NOT_EXIST"
                     : error.code == Code::kUnavailable       ? "TEMPORARILY_UNAVAILABLE"
                     : error.code == Code::kResourceExhausted ? "REQUEST_LIMIT_EXCEEDED"
                                                              : "INTERNAL_ERROR";
  return failed({{"error_code", code}, {"message", error.message}}, error);
}

bool is_from_aws(const Request& request) {
  return !request.header("X-Amz-Date").empty() || !request.header("amz-sdk-invocation-id").empty();
}

Response refuse(const Request& request, const Error& error) {
  return is_from_aws(request) ? runtime_error(error) : scoring_error(error);
}

Result<Response> invoke(const Served& served, const std::string& name, const Request& request) {
  const auto type = body_type(request.header("Content-Type"));
  if (!type) return Response::text(type.error().message, 415);
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(read_invocation(*type, body, model));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const Prediction prediction =
      TRY(predict(served, request, name, std::move(parsed), serving::UnknownInputs::kIgnored,
                  request.header("X-Amzn-SageMaker-Target-Variant")));
  Response response =
      Response::json("{\"predictions\":" + rows_answer(prediction, NonFinite::kBare) + "}");
  response.headers = {{"Slipway-Request-Id", prediction.id},
                      {"Slipway-Revision", std::to_string(prediction.revision)},
                      {"Slipway-Model-Version", std::to_string(prediction.model_version)}};
  if (is_from_aws(request))
    response.headers.emplace_back("x-Amzn-Invoked-Production-Variant", prediction.variant);
  return response;
}

http::Route scoring_route(const Served& served, std::string pattern, EndpointOf endpoint_of) {
  http::Route route{
      .method = Method::kPost,
      .pattern = std::move(pattern),
      .summary = "Predictions as MLflow's scoring server and SageMaker's runtime give them.",
      .handler =
          [served, endpoint_of](const Request& request) {
            auto response = invoke(served, endpoint_of(request), request);
            return response ? std::move(*response) : refuse(request, response.error());
          },
      .tag = "mlflow"};
  score_in_queue(route, served, std::move(endpoint_of), refuse);
  return route;
}

}  // namespace

http::Route invocations_route(const Served& served, std::string pattern, std::string endpoint) {
  return scoring_route(served, std::move(pattern),
                       [endpoint = std::move(endpoint)](const Request&) { return endpoint; });
}

std::vector<http::Route> scoring_routes(const Served& served) {
  std::vector<http::Route> routes;
  routes.push_back(scoring_route(served, "/endpoints/{name}/invocations", named_in_path));
  return routes;
}

}  // namespace slipway::api::predict
