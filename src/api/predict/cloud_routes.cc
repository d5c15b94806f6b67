#include "api/predict/cloud_routes.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "api/predict/answer.h"
#include "api/predict/body.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Method;
using http::Request;
using http::Response;
using serving::Prediction;

// google.rpc.Status, as Google's REST APIs give it.
Response vertex_error(const Error& error) {
  const int status = http::http_status(error.code);
  const char* name = "INTERNAL";
  switch (error.code) {
    case Code::kInvalidArgument:
      name = "INVALID_ARGUMENT";
      break;
    case Code::kNotFound:
      name = "NOT_FOUND";
      break;
    case Code::kAlreadyExists:
      name = "ALREADY_EXISTS";
      break;
    case Code::kFailedPrecondition:
      name = "FAILED_PRECONDITION";
      break;
    case Code::kConflict:
      name = "ABORTED";
      break;
    case Code::kUnauthenticated:
      name = "UNAUTHENTICATED";
      break;
    case Code::kPermissionDenied:
      name = "PERMISSION_DENIED";
      break;
    case Code::kResourceExhausted:
    case Code::kStorageFull:
      name = "RESOURCE_EXHAUSTED";
      break;
    case Code::kUnavailable:
      name = "UNAVAILABLE";
      break;
    case Code::kDeadlineExceeded:
      name = "DEADLINE_EXCEEDED";
      break;
    case Code::kCorruption:
    case Code::kInternal:
      break;
  }
  return failed({{"error", {{"code", status}, {"message", error.message}, {"status", name}}}},
                error);
}

std::string model_resource(const Request& request) {
  return fmt::format("projects/{}/locations/{}/models/{}", request.param("project"),
                     request.param("location"), request.param("name"));
}

Result<Response> vertex_predict(const Served& served, const Request& request) {
  const Prediction prediction = TRY(predict_instances(served, request, request.param("name")));
  std::string out = "{\"predictions\":" + rows_answer(prediction, NonFinite::kNull);
  const std::string more =
      base::to_text(JsonObject{{"deployedModelId", prediction.variant},
                               {"model", model_resource(request)},
                               {"modelDisplayName", request.param("name")},
                               {"modelVersionId", std::to_string(prediction.model_version)}});
  out += "," + more.substr(1);
  return Response::json(std::move(out));
}

// What a model's container would answer, with the model in headers.
Result<Response> vertex_raw_predict(const Served& served, const Request& request) {
  const Prediction prediction = TRY(predict_instances(served, request, request.param("name")));
  Response response =
      Response::json("{\"predictions\":" + rows_answer(prediction, NonFinite::kNull) + "}");
  response.headers = {{"X-Vertex-AI-Deployed-Model-Id", prediction.variant},
                      {"X-Vertex-AI-Model", model_resource(request)},
                      {"X-Vertex-AI-Model-Version-Id", std::to_string(prediction.model_version)}};
  return response;
}

Result<Response> vertex_endpoint(const Served& served, const Request& request) {
  const std::string& name = request.param("name");
  const serving::EndpointShape shape = TRY(served.endpoints.shape(name));
  JsonArray deployed;
  for (const std::int64_t version : shape.versions) {
    deployed.push_back(JsonObject{{"id", std::to_string(version)},
                                  {"model", model_resource(request)},
                                  {"modelVersionId", std::to_string(version)},
                                  {"displayName", name}});
  }
  return Response::json(base::to_text(
      JsonObject{{"name", fmt::format("projects/{}/locations/{}/endpoints/{}",
                                      request.param("project"), request.param("location"), name)},
                 {"displayName", name},
                 {"deployedModels", std::move(deployed)}}));
}

Response azure_error(const Error& error) {
  return failed({{"error", {{"code", base::code_name(error.code)}, {"message", error.message}}}},
                error);
}

// Azure gives each endpoint a host of its own: the only endpoint, or the one that the host's name
// begins with.
Result<std::string> azure_endpoint(const Served& served, const Request& request) {
  const std::vector<std::string> names = served.endpoints.names();
  if (names.size() == 1) return names.front();
  const std::string_view host = request.header("Host");
  const std::string_view first = host.substr(0, host.find_first_of(".:"));
  if (std::find(names.begin(), names.end(), first) != names.end()) return std::string(first);
  return base::error(Code::kNotFound,
                     "/score is of the endpoint that the host is named after: host={} endpoints={}",
                     host, fmt::join(names, ", "));
}

Result<Response> azure_score(const Served& served, const Request& request) {
  const std::string name = TRY(azure_endpoint(served, request));
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(reader().read_score(body, model));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const Prediction prediction =
      TRY(predict(served, request, name, std::move(parsed), serving::UnknownInputs::kIgnored,
                  request.header("azureml-model-deployment")));
  Response response = Response::json(rows_answer(prediction, NonFinite::kNull));
  response.headers = {{"azureml-model-deployment", prediction.variant},
                      {"x-ms-request-id", prediction.id}};
  return response;
}

}  // namespace

std::vector<http::Route> cloud_routes(const Served& served) {
  std::vector<http::Route> routes;
  const auto add = [&](Method method, std::string pattern, std::string summary, Handle handle,
                       Envelope envelope, std::string tag) {
    routes.push_back(route_of(served, method, std::move(pattern), std::move(summary), handle,
                              envelope, std::move(tag)));
  };
  const std::string endpoint = "/v1/projects/{project}/locations/{location}/endpoints/{name}";
  add(Method::kPost, endpoint + ":predict", "Predictions as Vertex AI gives them.", vertex_predict,
      vertex_error, "vertex");
  score_in_queue(routes.back(), served, named_in_path, vertex_error);
  add(Method::kPost, endpoint + ":rawPredict", "The same, as the model's container would answer.",
      vertex_raw_predict, vertex_error, "vertex");
  score_in_queue(routes.back(), served, named_in_path, vertex_error);
  add(Method::kGet, endpoint, "The endpoint, as Vertex AI describes it.", vertex_endpoint,
      vertex_error, "vertex");
  add(Method::kPost, "/score", "Predictions as Azure ML's online endpoints give them.", azure_score,
      azure_error, "azure");
  const auto endpoint_of = [served](const Request& request) {
    return azure_endpoint(served, request).value_or("");
  };
  score_in_queue(routes.back(), served, endpoint_of, azure_error);
  return routes;
}

}  // namespace slipway::api::predict
