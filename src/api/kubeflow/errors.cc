#include "api/kubeflow/errors.h"

#include <fmt/format.h>

#include "base/json.h"

namespace slipway::api::kubeflow {
namespace {

struct Status {
  int grpc, http;
};

// As grpc-gateway maps gRPC's codes.
Status status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return {3, 400};
    case Code::kDeadlineExceeded:
      return {4, 504};
    case Code::kNotFound:
      return {5, 404};
    case Code::kAlreadyExists:
      return {6, 409};
    case Code::kPermissionDenied:
      return {7, 403};
    case Code::kResourceExhausted:
    case Code::kStorageFull:
      return {8, 429};
    case Code::kFailedPrecondition:
      return {9, 400};
    case Code::kConflict:
      return {10, 409};
    case Code::kUnavailable:
      return {14, 503};
    case Code::kUnauthenticated:
      return {16, 401};
    case Code::kCorruption:
    case Code::kInternal:
      return {13, 500};
  }
  return {13, 500};
}

http::Response reply(const Status& status, const std::string& message) {
  JsonArray details{JsonObject{{"@type", "type.googleapis.com/google.rpc.Status"},
                               {"code", status.grpc},
                               {"message", message}}};
  return http::Response::json(base::to_text(JsonObject{{"error", message},
                                                       {"code", status.grpc},
                                                       {"message", message},
                                                       {"details", std::move(details)}}),
                              status.http);
}

}  // namespace

http::Response error_reply(const Error& error) {
  return reply(status_of(error.code), error.message);
}

http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed) {
  constexpr int kUnimplemented = 12;
  return reply({kUnimplemented, allowed.empty() ? 404 : 501},
               fmt::format("of Kubeflow Pipelines' API this is not here: {} {} (see "
                           "docs/compat/kubeflow.md)",
                           http::method_name(request.method), request.path));
}

}  // namespace slipway::api::kubeflow
