#include "api/openlineage/openlineage_routes.h"

#include "api/http/inflate.h"
#include "api/http/object_body.h"

namespace slipway::api::openlineage {
namespace {

using http::Method;
using http::Request;
using http::Response;
using lineage::Lineage;

constexpr std::size_t kEventsAtOnce = 100;  // of a batch, in one write

// As Marquez says it.
Response error_reply(int status, std::string_view message) {
  return Response::json(base::to_text(JsonObject{{"code", status}, {"message", message}}), status);
}

Response error_reply(const Error& error) {
  // More than a limit allows won't get less.
  const int status = error.code == Code::kResourceExhausted ? 413 : http::http_status(error.code);
  Response response = error_reply(status, error.message);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

// Clients try again after 503, and after no other status that says "not now".
Response refuse(const Request& request, const Error& error, std::uint64_t bytes_max) {
  const bool is_too_large =
      static_cast<std::uint64_t>(http::content_length(request).value_or(0)) > bytes_max;
  if (error.code != Code::kResourceExhausted || is_too_large) return error_reply(error);
  return error_reply(base::error(Code::kUnavailable, "{}", error.message));
}

Result<Json> read_body(const Request& request, const Limits& limits) {
  const std::string body = TRY(
      http::inflate_body(request.body, request.header("Content-Encoding"), limits.event_bytes_max));
  if (body.size() > limits.event_bytes_max) {
    return base::error(Code::kResourceExhausted, "too large: bytes={} max={}", body.size(),
                       limits.event_bytes_max);
  }
  return base::parse_json(body);
}

Result<Response> receive(Lineage& lineage, const Limits& limits, const Request& request) {
  const Json body = TRY(read_body(request, limits));
  std::vector<lineage::Event> events;
  events.push_back(TRY(read_event(body, limits.event)));
  TRY(lineage.keep(events));
  return Response::json("{}");
}

// What became of the events of a batch.
class Outcome {
 public:
  explicit Outcome(std::size_t received) : received_(received) {}

  void fail(std::size_t index, const Error& error) {
    const bool can_be_tried_again =
        error.code != Code::kInvalidArgument && error.code != Code::kResourceExhausted;
    again_ += can_be_tried_again ? 1 : 0;
    failed_.push_back(
        JsonObject{{"index", index}, {"reason", error.message}, {"retriable", can_be_tried_again}});
  }
  // Nothing of it was kept, and all may be sent again.
  bool is_unavailable() const { return received_ != 0 && again_ == received_; }
  JsonObject to_json() && {
    const std::size_t failed = failed_.size();
    return {{"status", failed == 0 ? "success" : "partial_success"},
            {"summary",
             {{"received", received_},
              {"successful", received_ - failed},
              {"failed", failed},
              {"retriable", again_},
              {"non_retriable", failed - again_}}},
            {"failed_events", std::move(failed_)}};
  }

 private:
  const std::size_t received_;
  std::size_t again_ = 0;
  JsonArray failed_;
};

Result<Response> receive_batch(Lineage& lineage, const Limits& limits, const Request& request) {
  const Json body = TRY(read_body(request, limits));
  if (!body.is_array()) return base::error(Code::kInvalidArgument, "a batch is a list of events");
  const JsonArray& list = body.get_array();
  if (list.size() > limits.events_max) {
    return base::error(Code::kResourceExhausted, "too many events in a batch: events={} max={}",
                       list.size(), limits.events_max);
  }
  Outcome outcome(list.size());
  std::vector<lineage::Event> events;
  std::vector<std::size_t> indexes;
  const auto keep = [&] {
    const Result<std::size_t> kept = lineage.keep(events);
    for (const std::size_t index : indexes)
      if (!kept) outcome.fail(index, kept.error());
    events.clear();
    indexes.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    Result<lineage::Event> event = read_event(list[i], limits.event);
    if (!event) {
      outcome.fail(i, event.error());
      continue;
    }
    events.push_back(std::move(*event));
    indexes.push_back(i);
    if (events.size() == kEventsAtOnce) keep();
  }
  if (!events.empty()) keep();
  if (outcome.is_unavailable())
    return base::error(Code::kUnavailable, "none of these events could be kept: try again");
  return Response::json(base::to_text(std::move(outcome).to_json()));
}

}  // namespace

std::vector<http::Route> openlineage_routes(Lineage& lineage, Limits limits) {
  using Handle = Result<Response> (*)(Lineage&, const Limits&, const Request&);
  const auto route = [&](std::string pattern, std::string summary, Handle handle) {
    return http::Route{.method = Method::kPost,
                       .pattern = std::move(pattern),
                       .summary = "OpenLineage: " + std::move(summary),
                       .handler =
                           [&lineage, limits, handle](const Request& request) {
                             Result<Response> response = handle(lineage, limits, request);
                             return response ? std::move(*response) : error_reply(response.error());
                           },
                       .refuse = [max = limits.event_bytes_max](
                                     const Request& request,
                                     const Error& error) { return refuse(request, error, max); },
                       .body_bytes_max = limits.event_bytes_max,
                       .tag = "openlineage"};
  };
  std::vector<http::Route> routes;
  routes.push_back(route("/api/v1/lineage", "an event of a run, a job or a dataset.", receive));
  routes.push_back(route("/api/v1/lineage/batch", "a list of events.", receive_batch));
  return routes;
}

http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed) {
  return error_reply(
      allowed.empty() ? 404 : 405,
      fmt::format("of OpenLineage's and Marquez' API only POST /api/v1/lineage and "
                  "/api/v1/lineage/batch are here; what was sent is read at /slipway/v1/lineage: "
                  "{} {}",
                  http::method_name(request.method), request.path));
}

}  // namespace slipway::api::openlineage
