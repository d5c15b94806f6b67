#include "api/predict/scoring_routes.h"

#include "api/predict/answer.h"
#include "api/predict/body.h"
#include "api/predict/csv_batch.h"
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

// AWS' clients look for the name in a header and for the message in the body; what a model says is
// the original of a ModelError.
Response runtime_error(const Error& error) {
  int status = 500;
  const char* name = "InternalFailure";
  JsonObject body{{"Message", error.message}};
  switch (error.code) {
    case Code::kNotFound:  // an endpoint or a variant
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      status = 400;
      name = "ValidationError";
      break;
    case Code::kUnavailable:
    case Code::kResourceExhausted:
    case Code::kDeadlineExceeded:
      status = 503;
      name = "ServiceUnavailable";
      break;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      status = 424;
      name = "ModelError";
      body["OriginalStatusCode"] = http::http_status(error.code);
      body["OriginalMessage"] = error.message;
      break;
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kStorageFull:
    case Code::kCorruption:
    case Code::kInternal:
      break;
  }
  Response response = Response::json(base::to_text(body), status);
  response.headers.emplace_back("x-amzn-errortype", name);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

bool is_from_aws(const Request& request) {
  return !request.header("X-Amz-Date").empty() || !request.header("amz-sdk-invocation-id").empty();
}

Response refuse(const Request& request, const Error& error) {
  return is_from_aws(request) ? runtime_error(error) : scoring_error(error);
}

enum class BodyType { kJson, kCsv };

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Nothing: the reply says that it is none of ours. Without a type it is JSON.
std::optional<BodyType> body_type(std::string_view content_type, std::string& why_not) {
  std::string_view rest = content_type;
  const std::string_view type = trimmed(rest.substr(0, rest.find(';')));
  while (rest.find(';') != std::string_view::npos) {
    rest.remove_prefix(rest.find(';') + 1);
    const std::string_view parameter = trimmed(rest.substr(0, rest.find(';')));
    const std::string_view name = parameter.substr(0, parameter.find('='));
    if (parameter.empty()) continue;
    if (!is_word(name, "charset")) {
      why_not = fmt::format("Unrecognized content type parameters: {}.", name);
      return std::nullopt;
    }
    if (!is_word(parameter.substr(std::min(parameter.size(), name.size() + 1)), "utf-8")) {
      why_not = "The scoring server only supports UTF-8";
      return std::nullopt;
    }
  }
  if (type.empty() || is_word(type, "application/json")) return BodyType::kJson;
  if (is_word(type, "text/csv")) return BodyType::kCsv;
  why_not = fmt::format(
      "This predictor only supports the following content types: Types: ['text/csv', "
      "'application/json']. Got '{}'.",
      content_type);
  return std::nullopt;
}

CsvReader& csv_reader() {
  thread_local CsvReader instance;
  return instance;
}

Result<ParsedRequest> read(BodyType type, std::string_view body, const ModelInputs& model) {
  if (type == BodyType::kJson) return reader().read_invocation(body, model);
  ParsedRequest parsed;
  parsed.inputs = TRY(model());
  parsed.batch = TRY(csv_reader().read(body, *parsed.inputs));
  return parsed;
}

Result<Response> invoke(const Served& served, const std::string& name, const Request& request) {
  std::string why_not;
  const auto type = body_type(request.header("Content-Type"), why_not);
  if (!type) return Response::text(std::move(why_not), 415);
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(read(*type, body, model));
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
