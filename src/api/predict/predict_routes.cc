#include "api/predict/predict_routes.h"

#include <charconv>
#include <chrono>

#include "api/predict/answer.h"
#include "api/predict/json_batch.h"
#include "base/json.h"
#include "types/timestamp.h"

namespace slipway::api::predict {
namespace {

using http::Lane;
using http::Method;
using http::Request;
using http::Response;
using serving::Endpoints;
using serving::Prediction;

// Those who may try again are told when.
Response failed(JsonObject body, const Error& error) {
  Response response = Response::json(base::to_text(body), http::http_status(error.code));
  if (error.code == Code::kResourceExhausted || error.code == Code::kUnavailable)
    response.headers.emplace_back("Retry-After", "1");
  return response;
}

// {"error":"..."}: the protocol's.
Response v2_error(const Error& error) { return failed({{"error", error.message}}, error); }

// MLflow's scoring server says it like this.
Response invocation_error(const Error& error) {
  const char* code = error.code == Code::kInvalidArgument     ? "BAD_REQUEST"
                     : error.code == Code::kNotFound          ? "RESOURCE_DOES_NOT_EXIST"
                     : error.code == Code::kUnavailable       ? "TEMPORARILY_UNAVAILABLE"
                     : error.code == Code::kResourceExhausted ? "REQUEST_LIMIT_EXCEEDED"
                                                              : "INTERNAL_ERROR";
  return failed({{"error_code", code}, {"message", error.message}}, error);
}

FeatureNames feature_names(const Endpoints& endpoints, const std::string& endpoint) {
  return [&]() -> Result<std::vector<std::string>> {
    std::vector<std::string> names;
    for (auto& input : TRY(endpoints.shape(endpoint)).inputs) {
      if (input.is_column()) names.push_back(std::move(input.name));
    }
    return names;
  };
}

JsonReader& reader() {
  thread_local JsonReader instance;
  return instance;
}

Result<std::optional<base::Timestamp>> event_time_of(std::string_view text, const Request& request,
                                                     bool rehearses) {
  if (text.empty()) text = request.header("Slipway-Event-Time");
  if (text.empty()) return std::optional<base::Timestamp>();
  if (!rehearses) {
    return base::error(Code::kInvalidArgument,
                       "event_time may only be given in a project with `clock: rehearsal`");
  }
  auto time = types::parse_rfc3339(text);
  if (!time) return std::move(time).error().with_context("event_time");
  return std::optional(*time);
}

// How long the client waits: our header, or Triton's parameter.
Result<std::chrono::steady_clock::time_point> deadline_of(const Request& request,
                                                          std::optional<std::int64_t> timeout_us) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kTimeoutMsMax = 1'000'000'000;
  if (const std::string_view text = request.header("Slipway-Timeout-Ms"); !text.empty()) {
    std::int64_t ms = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), ms);
    if (ec != std::errc() || end != text.data() + text.size() || ms < 1 || ms > kTimeoutMsMax) {
      return base::error(Code::kInvalidArgument,
                         "Slipway-Timeout-Ms is a whole number of milliseconds: got={}", text);
    }
    return Clock::now() + std::chrono::milliseconds(ms);
  }
  // Triton takes 0 for no limit.
  if (timeout_us.value_or(0) == 0) return Clock::time_point::max();
  return Clock::now() + std::chrono::microseconds(*timeout_us);
}

Result<Prediction> predict(Endpoints& endpoints, const Request& request, ParsedRequest parsed,
                           bool rehearses) {
  if (parsed.id.empty()) parsed.id = request.header("Slipway-Request-Id");
  if (parsed.id.empty()) parsed.id = request.header("X-Amzn-SageMaker-Inference-Id");
  std::optional<std::int64_t> version;
  if (const auto named = request.path_params.find("version"); named != request.path_params.end()) {
    std::int64_t number = 0;
    const auto [end, ec] =
        std::from_chars(named->second.data(), named->second.data() + named->second.size(), number);
    if (ec != std::errc() || *end != '\0')
      return base::error(Code::kNotFound, "a model version is a whole number: version={}",
                         named->second);
    version = number;
  }
  const auto deadline = TRY(deadline_of(request, parsed.timeout_us));
  return endpoints.predict(
      {.endpoint = request.param("name"),
       .id = parsed.id,
       .route_key = parsed.route_key,
       .traffic = parsed.traffic.empty() ? request.header("Slipway-Traffic") : parsed.traffic,
       .version = version,
       .event_time = TRY(event_time_of(parsed.event_time, request, rehearses)),
       .params = parsed.params,
       .deadline = deadline,
       .batch = std::move(parsed.batch)});
}

Result<Response> infer(Endpoints& endpoints, const Request& request, bool rehearses) {
  const auto features = feature_names(endpoints, request.param("name"));
  const Prediction prediction =
      TRY(predict(endpoints, request, TRY(reader().read_v2(request.body, features)), rehearses));
  return Response::json(v2_answer(request.param("name"), prediction));
}

Result<Response> invoke(Endpoints& endpoints, const Request& request, bool rehearses) {
  const auto features = feature_names(endpoints, request.param("name"));
  const Prediction prediction = TRY(predict(
      endpoints, request, TRY(reader().read_invocation(request.body, features)), rehearses));
  Response response = Response::json(invocation_answer(prediction));
  response.headers = {{"Slipway-Request-Id", prediction.id},
                      {"Slipway-Revision", std::to_string(prediction.revision)},
                      {"Slipway-Model-Version", std::to_string(prediction.model_version)}};
  return response;
}

// Inputs or outputs as the protocol's metadata lists them.
template <typename Spec>
JsonArray describe(const std::vector<Spec>& specs) {
  JsonArray described;
  for (const Spec& spec : specs) {
    JsonArray shape{-1};
    for (const std::int64_t size : spec.row_shape) shape.push_back(size);
    described.push_back(JsonObject{{"name", spec.name},
                                   {"datatype", serving::datatype_name(spec.type)},
                                   {"shape", std::move(shape)}});
  }
  return described;
}

Result<Response> metadata(Endpoints& endpoints, const Request& request) {
  const serving::EndpointShape shape = TRY(endpoints.shape(request.param("name")));
  JsonArray versions;
  for (const std::int64_t version : shape.versions)
    versions.push_back(Json(std::to_string(version)));
  return Response::json(base::to_text(JsonObject{
      {"name", shape.endpoint},
      {"versions", std::move(versions)},
      {"platform", shape.platform},
      {"inputs", describe(shape.inputs)},
      {"outputs", describe(shape.outputs)},
      {"parameters", JsonObject{{"revision", shape.revision}, {"features", shape.features}}}}));
}

template <typename Handle, typename Envelope>
http::Handler answering(Handle handle, Envelope envelope) {
  return [handle = std::move(handle), envelope](const Request& request) {
    Result<Response> response = handle(request);
    return response ? std::move(*response) : envelope(response.error());
  };
}

}  // namespace

http::Response no_v2_route(const Request& request, const std::vector<Method>& allowed) {
  return Response::json(
      base::to_text(
          JsonObject{{"error", allowed.empty() ? fmt::format("no such route: path={}", request.path)
                                               : fmt::format("the route has no method {}: path={}",
                                                             http::method_name(request.method),
                                                             request.path)}}),
      allowed.empty() ? 404 : 405);
}

namespace {

// Requests run where they arrive when that is quick; else in their endpoint's queue.
void score_in(std::vector<http::Route>& routes, const Endpoints& endpoints) {
  for (http::Route& route : routes) {
    if (route.method != Method::kPost) continue;
    route.choose_lane = [&endpoints](const Request& request) {
      return endpoints.is_quick(request.param("name"), request.body.size()) ? Lane::kInline
                                                                            : Lane::kScoring;
    };
    route.queue = "name";
    route.refuse = route.tag == "mlflow" ? invocation_error : v2_error;
  }
}

}  // namespace

std::vector<http::Route> predict_routes(Endpoints& endpoints, std::string_view version,
                                        std::function<bool()> rehearses) {
  const auto route = [](Method method, std::string pattern, std::string summary,
                        http::Handler handler, std::string tag) {
    return http::Route{.method = method,
                       .pattern = std::move(pattern),
                       .summary = std::move(summary),
                       .handler = std::move(handler),
                       .lane = Lane::kInline,
                       .tag = std::move(tag)};
  };
  const auto ready = answering(
      [&endpoints](const Request& request) -> Result<Response> {
        const std::string& name = request.param("name");
        const auto shape = TRY(endpoints.shape(name));
        if (const auto version = request.path_params.find("version");
            version != request.path_params.end() &&
            std::none_of(shape.versions.begin(), shape.versions.end(), [&](std::int64_t known) {
              return std::to_string(known) == version->second;
            })) {
          return base::error(Code::kNotFound,
                             "the endpoint does not answer with version {}: name={}",
                             version->second, name);
        }
        return Response::json(base::to_text(JsonObject{{"name", name}, {"ready", true}}));
      },
      v2_error);
  const auto describe =
      answering([&endpoints](const Request& r) { return metadata(endpoints, r); }, v2_error);
  const auto infer_handler = answering(
      [&endpoints, rehearses](const Request& r) { return infer(endpoints, r, rehearses()); },
      v2_error);
  const std::string server = base::to_text(
      JsonObject{{"name", "slipway"}, {"version", version}, {"extensions", JsonArray()}});
  std::vector<http::Route> routes = {
      route(
          Method::kGet, "/v2", "Server metadata.",
          [server](const Request&) { return Response::json(server); }, "oip"),
      route(
          Method::kGet, "/v2/health/live", "The server runs.",
          [](const Request&) { return Response::json("{\"live\":true}"); }, "oip"),
      route(
          Method::kGet, "/v2/health/ready", "The server takes requests.",
          [](const Request&) { return Response::json("{\"ready\":true}"); }, "oip"),
      route(Method::kPost, "/endpoints/{name}/invocations",
            "Predictions as MLflow's scoring server gives them.",
            answering([&endpoints,
                       rehearses](const Request& r) { return invoke(endpoints, r, rehearses()); },
                      invocation_error),
            "mlflow")};
  for (const std::string model : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
    routes.push_back(
        route(Method::kGet, model, "Inputs and outputs of an endpoint.", describe, "oip"));
    routes.push_back(route(Method::kGet, model + "/ready", "The endpoint answers.", ready, "oip"));
    routes.push_back(route(Method::kPost, model + "/infer", "Predictions of an endpoint.",
                           infer_handler, "oip"));
  }
  score_in(routes, endpoints);
  return routes;
}

}  // namespace slipway::api::predict
