#include "api/mlflow/errors.h"

#include "base/json.h"

namespace slipway::api::mlflow {
namespace {

struct Wire {
  std::string_view error_code;
  int status;
};

Wire wire_error(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return {"INVALID_PARAMETER_VALUE", 400};
    case Code::kNotFound:
      return {"RESOURCE_DOES_NOT_EXIST", 404};
    case Code::kAlreadyExists:
      return {"RESOURCE_ALREADY_EXISTS", 400};
    case Code::kFailedPrecondition:
      return {"INVALID_PARAMETER_VALUE", 400};
    case Code::kConflict:
      return {"RESOURCE_CONFLICT", 409};
    case Code::kUnauthenticated:
      return {"UNAUTHENTICATED", 401};
    case Code::kPermissionDenied:
      return {"PERMISSION_DENIED", 403};
    case Code::kResourceExhausted:
      return {"REQUEST_LIMIT_EXCEEDED", 429};
    case Code::kStorageFull:
      return {"INTERNAL_ERROR", 507};
    case Code::kUnavailable:
      return {"TEMPORARILY_UNAVAILABLE", 503};
    case Code::kDeadlineExceeded:
      return {"DEADLINE_EXCEEDED", 504};
    case Code::kCorruption:
      return {"INTERNAL_ERROR", 500};
    case Code::kInternal:
      return {"INTERNAL_ERROR", 500};
  }
  return {"INTERNAL_ERROR", 500};
}

}  // namespace

http::Response error_response(const base::Error& error) {
  const Wire wire = wire_error(error.code);
  return http::Response::json(
      base::to_text(JsonObject{{"error_code", wire.error_code}, {"message", error.message}}),
      wire.status);
}

}  // namespace slipway::api::mlflow
