#include "api/predict/call.h"

#include <charconv>
#include <chrono>

#include "api/predict/body.h"
#include "types/timestamp.h"

namespace slipway::api::predict {
namespace {

Result<std::optional<base::Timestamp>> event_time_of(std::string_view text,
                                                     const http::Request& request,
                                                     const Served& served) {
  if (text.empty()) text = request.header("Slipway-Event-Time");
  if (text.empty()) return std::optional<base::Timestamp>();
  return std::optional(TRY(parse_event_time(text, served.rehearses())));
}

// How long the client waits, since its request is here: our header, or Triton's parameter.
Result<std::chrono::steady_clock::time_point> deadline_of(const http::Request& request,
                                                          std::optional<std::int64_t> timeout_us) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kTimeoutMsMax = 1'000'000'000;
  std::chrono::microseconds limit(timeout_us.value_or(0));
  if (const std::string_view text = request.header("Slipway-Timeout-Ms"); !text.empty()) {
    std::int64_t ms = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (ec != std::errc() || end != text.data() + text.size() || ms < 1 || ms > kTimeoutMsMax) {
      return base::error(Code::kInvalidArgument,
                         "Slipway-Timeout-Ms is a whole number of milliseconds: got={}", text);
    }
    limit = std::chrono::milliseconds(ms);
  }
  if (limit.count() == 0) return Clock::time_point::max();  // Triton takes 0 for no limit
  return (request.queued_at == Clock::time_point() ? Clock::now() : request.queued_at) + limit;
}

}  // namespace

JsonReader& reader() {
  thread_local JsonReader instance;
  return instance;
}

ModelInputs model_inputs(serving::Endpoints& endpoints, const std::string& endpoint) {
  return [&endpoints, &endpoint] { return endpoints.inputs(endpoint); };
}

Result<std::int64_t> parse_version(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size())
    return base::error(Code::kNotFound, "a model version is a whole number: version={}", text);
  return number;
}

Result<base::Timestamp> parse_event_time(std::string_view text, bool rehearses) {
  if (!rehearses) {
    return base::error(Code::kInvalidArgument,
                       "event_time may only be given in a project with `clock: rehearsal`");
  }
  auto time = types::parse_rfc3339(text);
  if (!time) return std::move(time).error().with_context("event_time");
  return *time;
}

namespace {

// Headers and the route's {version} count where the body doesn't say. What it points to is in
// `parsed` and in `request`.
Result<serving::PredictRequest> asked(const Served& served, const http::Request& request,
                                      std::string_view endpoint, ParsedRequest& parsed,
                                      serving::UnknownInputs unknown, std::string_view variant) {
  if (parsed.id.empty()) parsed.id = request.header("Slipway-Request-Id");
  if (parsed.id.empty()) parsed.id = request.header("X-Amzn-SageMaker-Inference-Id");
  std::optional<std::int64_t> version;
  if (const auto named = request.path_params.find("version"); named != request.path_params.end())
    version = TRY(parse_version(named->second));
  const auto event_time = TRY(event_time_of(parsed.event_time, request, served));
  const auto deadline = TRY(deadline_of(request, parsed.timeout_us));
  return serving::PredictRequest{
      .endpoint = endpoint,
      .id = parsed.id,
      .route_key = parsed.route_key,
      .traffic = parsed.traffic.empty() ? request.header("Slipway-Traffic") : parsed.traffic,
      .version = version,
      .variant = variant,
      .event_time = event_time,
      .params = parsed.params,
      .deadline = deadline,
      .priority = parsed.priority,
      .unknown_inputs = unknown,
      .batch = std::move(parsed.batch)};
}

// Calls `answer` with the body's instances, which are there until it returns.
template <typename Answer>
auto with_instances(const Served& served, const http::Request& request, const std::string& endpoint,
                    const Answer& answer) -> decltype(answer(serving::PredictRequest())) {
  const ModelInputs model = model_inputs(served.endpoints, endpoint);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  ParsedRequest parsed = TRY(reader().read_instances(body, model));
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  return answer(
      TRY(asked(served, request, endpoint, parsed, serving::UnknownInputs::kIgnored, {})));
}

}  // namespace

Result<serving::Prediction> predict(const Served& served, const http::Request& request,
                                    std::string_view endpoint, ParsedRequest parsed,
                                    serving::UnknownInputs unknown, std::string_view variant) {
  return served.endpoints.predict(TRY(asked(served, request, endpoint, parsed, unknown, variant)));
}

http::Response failed(JsonObject body, const Error& error) {
  http::Response response =
      http::Response::json(base::to_text(body), http::http_status(error.code));
  if (error.code == Code::kResourceExhausted || error.code == Code::kUnavailable)
    response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::string named_in_path(const http::Request& request) { return request.param("name"); }

Result<serving::Prediction> predict_instances(const Served& served, const http::Request& request,
                                              const std::string& endpoint) {
  return with_instances(served, request, endpoint, [&](const serving::PredictRequest& asked) {
    return served.endpoints.predict(asked);
  });
}

Result<serving::Explained> explain_instances(const Served& served, const http::Request& request,
                                             const std::string& endpoint) {
  return with_instances(served, request, endpoint, [&](const serving::PredictRequest& asked) {
    return served.endpoints.explain(asked);
  });
}

void score_in_queue(http::Route& route, const Served& served, EndpointOf endpoint_of,
                    Refuse refuse) {
  route.choose_lane = [&endpoints = served.endpoints, endpoint_of,
                       most = served.body_bytes_max](const http::Request& request) {
    const bool is_plain = request.header("Content-Encoding").empty();
    return endpoints.is_quick(endpoint_of(request), is_plain ? request.body.size() : most)
               ? http::Lane::kInline
               : http::Lane::kScoring;
  };
  route.queue = std::move(endpoint_of);
  route.refuse = std::move(refuse);
}

void score_in_queue(http::Route& route, const Served& served, EndpointOf endpoint_of,
                    http::Response (*envelope)(const Error&)) {
  score_in_queue(route, served, std::move(endpoint_of),
                 [envelope](const http::Request&, const Error& error) { return envelope(error); });
}

http::Route route_of(const Served& served, http::Method method, std::string pattern,
                     std::string summary, Handle handle, Envelope envelope, std::string tag) {
  return {.method = method,
          .pattern = std::move(pattern),
          .summary = std::move(summary),
          .handler = answering(
              [served, handle](const http::Request& request) { return handle(served, request); },
              envelope),
          .lane = http::Lane::kInline,
          .tag = std::move(tag)};
}

}  // namespace slipway::api::predict
