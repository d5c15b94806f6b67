#include "api/feast/errors.h"

#include "base/json.h"

namespace slipway::api::feast {
namespace {

struct Raised {
  int status;
  std::string_view error_class;
};

Raised raised_by(Code code, std::string_view not_found) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return {422, "FeastError"};
    case Code::kNotFound:
      return {not_found == kNoPushSource ? 422 : 404, not_found};
    case Code::kAlreadyExists:
      return {422, "FeatureNameCollisionError"};
    case Code::kPermissionDenied:
      return {403, "FeastPermissionError"};
    case Code::kConflict:
    case Code::kUnauthenticated:
    case Code::kResourceExhausted:
    case Code::kStorageFull:
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kCorruption:
    case Code::kInternal:
      return {http::http_status(code), "FeastError"};
  }
  return {500, "FeastError"};
}

}  // namespace

std::string error_detail(std::string_view error_class, std::string_view message) {
  return base::to_text(
      JsonObject{{"module", "feast.errors"}, {"class", error_class}, {"message", message}});
}

http::Response feast_error(const Error& error, std::string_view not_found) {
  const Raised raised = raised_by(error.code, not_found);
  const std::string detail = error_detail(raised.error_class, error.message);
  return http::Response::json(base::to_text(Json(detail)), raised.status);
}

http::Response malformed(const Error& error) {
  JsonObject detail{{"type", "value_error"}, {"loc", JsonArray{"body"}}, {"msg", error.message}};
  return http::Response::json(base::to_text(JsonObject{{"detail", JsonArray{std::move(detail)}}}),
                              422);
}

}  // namespace slipway::api::feast
