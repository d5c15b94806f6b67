#include "api/predict/sagemaker_errors.h"

namespace slipway::api::predict {
namespace {

using http::Response;

// They look for the name in a header and for the message in the body.
Response named(int status, const char* name, const JsonObject& body) {
  Response response = Response::json(base::to_text(body), status);
  response.headers.emplace_back("x-amzn-errortype", name);
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

JsonObject model_error(const Error& error) {
  return {{"Message", error.message},
          {"OriginalStatusCode", http::http_status(error.code)},
          {"OriginalMessage", error.message}};
}

Response runtime_error(const Error& error) {
  const JsonObject message{{"Message", error.message}};
  switch (error.code) {
    case Code::kNotFound:  // an endpoint or a variant
    case Code::kUnauthenticated:
    case Code::kPermissionDenied:
      return named(400, "ValidationError", message);
    case Code::kUnavailable:
    case Code::kResourceExhausted:
    case Code::kDeadlineExceeded:
      return named(503, "ServiceUnavailable", message);
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return named(424, "ModelError", model_error(error));
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kStorageFull:
    case Code::kCorruption:
    case Code::kInternal:
      break;
  }
  return named(500, "InternalFailure", message);
}

Response async_error(const Error& error) {
  const JsonObject message{{"Message", error.message}};
  if (error.code == Code::kInvalidArgument || error.code == Code::kFailedPrecondition)
    return named(400, "ValidationError", message);
  if (error.code == Code::kResourceExhausted) return named(429, "ThrottlingException", message);
  return runtime_error(error);
}

}  // namespace slipway::api::predict
