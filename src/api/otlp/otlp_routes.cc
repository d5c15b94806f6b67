#include "api/otlp/otlp_routes.h"

#include "api/http/inflate.h"
#include "api/otlp/otlp.pb.h"
#include "api/otlp/trace_request.h"
#include "base/json.h"

namespace slipway::api::otlp {
namespace {

namespace wire = slipway::otlp;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

enum class Encoding { kProtobuf, kJson };

struct Failure {
  int http_status;
  int grpc_code;  // of google.rpc.Status
};

// 429, 502, 503 and 504 are the ones that an exporter tries again.
Failure failure_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return {400, 3};
    case Code::kNotFound:
      return {404, 5};
    case Code::kAlreadyExists:
      return {409, 6};
    case Code::kFailedPrecondition:
      return {400, 9};
    case Code::kConflict:
      return {409, 10};
    case Code::kUnauthenticated:
      return {401, 16};
    case Code::kPermissionDenied:
      return {403, 7};
    case Code::kResourceExhausted:
      return {429, 8};
    case Code::kStorageFull:
      return {507, 8};
    case Code::kUnavailable:
      return {503, 14};
    case Code::kDeadlineExceeded:
      return {504, 4};
    case Code::kCorruption:
      return {500, 15};
    case Code::kInternal:
      return {500, 13};
  }
  return {500, 13};
}

http::Response respond(Encoding encoding, int status, const google::protobuf::Message& message,
                       const JsonObject& json) {
  http::Response response;
  response.status = status;
  response.content_type = encoding == Encoding::kJson ? kJson : kProtobuf;
  response.body = encoding == Encoding::kJson ? base::to_text(json) : message.SerializeAsString();
  return response;
}

http::Response refuse(Encoding encoding, int status, int grpc_code, const std::string& why) {
  wire::RpcStatus message;
  message.set_code(grpc_code);
  message.set_message(why);
  return respond(encoding, status, message, {{"code", grpc_code}, {"message", why}});
}

http::Response refuse(Encoding encoding, const base::Error& error) {
  const Failure failure = failure_of(error.code);
  return refuse(encoding, failure.http_status, failure.grpc_code, error.message);
}

http::Response accept(Encoding encoding, const TraceRequest& request) {
  wire::ExportTraceServiceResponse message;
  JsonObject json;
  if (request.rejected_spans > 0) {
    auto& partial = *message.mutable_partial_success();
    partial.set_rejected_spans(static_cast<std::int64_t>(request.rejected_spans));
    partial.set_error_message(request.why_rejected);
    json["partialSuccess"] = JsonObject{{"rejectedSpans", std::to_string(request.rejected_spans)},
                                        {"errorMessage", request.why_rejected}};
  }
  return respond(encoding, 200, message, json);
}

http::Response export_traces(traces::Traces& traces, std::size_t bytes_max,
                             const http::Request& request) {
  std::string_view type = request.header("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  const Encoding encoding = type == kJson ? Encoding::kJson : Encoding::kProtobuf;
  if (type != kJson && type != kProtobuf) {
    return refuse(encoding, 400, 3,
                  fmt::format("Invalid Content-Type: {}. Expected: {} or {}",
                              request.header("Content-Type"), kProtobuf, kJson));
  }
  const std::string experiment(request.header(kExperimentHeader));
  if (experiment.empty()) {
    return refuse(encoding, 422, 3,
                  fmt::format("the header {} is missing: it says which experiment the spans "
                              "belong to (OTEL_EXPORTER_OTLP_TRACES_HEADERS)",
                              kExperimentHeader));
  }
  const Result<std::string> body =
      http::inflate_body(request.body, request.header("Content-Encoding"), bytes_max);
  if (!body) {
    if (body.error().code == Code::kResourceExhausted)  // sending it again would not help
      return refuse(encoding, 413, 8, body.error().message);
    return refuse(encoding, body.error());
  }
  Result<TraceRequest> parsed =
      encoding == Encoding::kJson ? parse_json(*body) : parse_protobuf(*body);
  if (!parsed) return refuse(encoding, parsed.error());
  if (parsed->spans == 0) {
    if (parsed->rejected_spans > 0)
      return refuse(encoding, 422, 3, "no span can be kept: " + parsed->why_rejected);
    return accept(encoding, *parsed);
  }
  const Result<void> logged = traces.log_spans(experiment, std::move(parsed->groups),
                                               std::string(request.header(kRunHeader)));
  if (!logged) return refuse(encoding, logged.error());
  return accept(encoding, *parsed);
}

}  // namespace

std::vector<http::Route> otlp_routes(traces::Traces& traces, std::size_t bytes_max) {
  std::vector<http::Route> routes;
  routes.push_back({.method = http::Method::kPost,
                    .pattern = "/v1/traces",
                    .summary = "Spans over OpenTelemetry's protocol, in protobuf or JSON.",
                    .handler =
                        [&traces, bytes_max](const http::Request& request) {
                          return export_traces(traces, bytes_max, request);
                        },
                    .tag = "mlflow"});
  return routes;
}

}  // namespace slipway::api::otlp
