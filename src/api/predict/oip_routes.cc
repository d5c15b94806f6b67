#include "api/predict/oip_routes.h"

#include <charconv>

#include "api/predict/answer.h"
#include "api/predict/body.h"
#include "base/json.h"

namespace slipway::api::predict {
namespace {

using http::Method;
using http::Request;
using http::Response;
using serving::Endpoints;
using serving::EndpointShape;
using serving::Prediction;
using serving::VersionStatistics;

// {"error":"..."}: the protocol's.
Response v2_error(const Error& error) { return failed({{"error", error.message}}, error); }

Result<std::optional<std::size_t>> json_bytes_of(const Request& request) {
  const std::string_view text = request.header("Inference-Header-Content-Length");
  if (text.empty()) return std::optional<std::size_t>();
  std::size_t bytes = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return base::error(Code::kInvalidArgument,
                       "Inference-Header-Content-Length must be a whole number: got={}", text);
  }
  return std::optional(bytes);
}

Result<Response> infer(const Served& served, const Request& request) {
  const std::string& name = request.param("name");
  const ModelInputs model = model_inputs(served.endpoints, name);
  std::string room;
  const std::string_view body = TRY(plain_body(request, served.body_bytes_max, room));
  const auto json_bytes = TRY(json_bytes_of(request));
  ParsedRequest parsed = TRY(json_bytes == 0u ? reader().read_raw(body, model)
                                              : reader().read_v2(body, json_bytes, model));
  const std::vector<WantedOutput> wanted = std::move(parsed.outputs);
  const bool are_binary = parsed.are_outputs_binary;
  const Inputs inputs = parsed.inputs;  // the batch names what is in it
  const Prediction prediction =
      TRY(predict(served, request, name, std::move(parsed), serving::UnknownInputs::kRefused));
  V2Answer answer = TRY(v2_answer(name, prediction, wanted, are_binary));
  Response response = Response::json(std::move(answer.body));
  if (answer.json_bytes != 0) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back("Inference-Header-Content-Length",
                                  std::to_string(answer.json_bytes));
  }
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

// Of the endpoint {name}, which answers with {version} when the route has that. kNotFound.
Result<EndpointShape> shape_of(const Served& served, const Request& request) {
  const std::string& name = request.param("name");
  EndpointShape shape = TRY(served.endpoints.shape(name));
  const auto version = request.path_params.find("version");
  if (version == request.path_params.end()) return shape;
  const std::int64_t number = TRY(parse_version(version->second));
  if (std::find(shape.versions.begin(), shape.versions.end(), number) == shape.versions.end()) {
    return base::error(Code::kNotFound, "the endpoint does not answer with version {}: name={}",
                       version->second, name);
  }
  return shape;
}

Result<Response> metadata(const Served& served, const Request& request) {
  TRY(served.endpoints.wake(request.param("name")));
  const EndpointShape shape = TRY(shape_of(served, request));
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

Result<Response> ready(const Served& served, const Request& request) {
  const EndpointShape shape = TRY(shape_of(served, request));
  return Response::json(base::to_text(JsonObject{{"name", shape.endpoint}, {"ready", true}}));
}

JsonObject duration(std::uint64_t count, std::uint64_t ns) {
  return {{"count", count}, {"ns", ns}};
}

JsonObject describe(const VersionStatistics& of) {
  JsonArray batches;
  for (const serving::BatchStatistics& batch : of.batches) {
    batches.push_back(JsonObject{{"batch_size", batch.rows},
                                 {"compute_input", duration(batch.calls, batch.gather_ns)},
                                 {"compute_infer", duration(batch.calls, batch.score_ns)},
                                 {"compute_output", duration(batch.calls, batch.rest_ns)}});
  }
  return {{"name", of.endpoint},
          {"version", std::to_string(of.version)},
          {"last_inference", of.last_request.millis()},
          {"inference_count", of.rows},
          {"execution_count", of.calls},
          {"inference_stats", JsonObject{{"success", duration(of.requests, of.total_ns)},
                                         {"fail", duration(of.failures, of.failure_ns)},
                                         {"queue", duration(of.requests, of.queue_ns)},
                                         {"compute_input", duration(of.requests, of.gather_ns)},
                                         {"compute_infer", duration(of.requests, of.score_ns)},
                                         {"compute_output", duration(of.requests, of.rest_ns())},
                                         {"cache_hit", duration(0, 0)},
                                         {"cache_miss", duration(0, 0)}}},
          {"batch_stats", std::move(batches)}};
}

Result<Response> statistics(const Served& served, const Request& request) {
  std::string_view name;
  std::optional<std::int64_t> version;
  if (const auto named = request.path_params.find("name"); named != request.path_params.end()) {
    TRY(shape_of(served, request));
    name = named->second;
  }
  if (const auto named = request.path_params.find("version"); named != request.path_params.end())
    version = TRY(parse_version(named->second));
  JsonArray all;
  for (const VersionStatistics& of : served.endpoints.statistics()) {
    if ((name.empty() || of.endpoint == name) && (!version || of.version == *version))
      all.push_back(describe(of));
  }
  return Response::json(base::to_text(JsonObject{{"model_stats", std::move(all)}}));
}

// What answers; everything that is listed is ready, in memory or not.
Result<Response> index(const Served& served, const Request& request) {
  if (!request.body.empty()) TRY(base::parse_json_object(request.body));
  JsonArray listed;
  for (const std::string& name : served.endpoints.names()) {
    const auto shape = served.endpoints.shape(name);
    if (!shape) continue;
    for (const std::int64_t version : shape->versions) {
      listed.push_back(JsonObject{{"name", name},
                                  {"version", std::to_string(version)},
                                  {"state", "READY"},
                                  {"reason", served.endpoints.is_awake(name) ? "" : kAsleep}});
    }
  }
  return Response::json(base::to_text(Json(std::move(listed))));
}

// Into memory, if it isn't there; how it is loaded, its release says.
Result<Response> load(const Served& served, const Request& request) {
  TRY(served.endpoints.shape(request.param("name")));
  if (!request.body.empty()) {
    const JsonObject body = TRY(base::parse_json_object(request.body));
    const Json* parameters = body.if_contains("parameters");
    if (parameters != nullptr && parameters->is_object() && !parameters->as_object().empty()) {
      return base::error(Code::kInvalidArgument, "{}", kNoLoadParameters);
    }
  }
  TRY(served.endpoints.wake(request.param("name")));
  return Response::json("{}");
}

// Out of memory, until somebody asks for it again: what answers, a release decides.
Result<Response> unload(const Served& served, const Request& request) {
  TRY(served.endpoints.sleep(request.param("name"), std::string(kUnloaded)));
  return Response::json("{}");
}

}  // namespace

http::Response no_v2_route(const http::Request& request, const std::vector<Method>& allowed) {
  return Response::json(
      base::to_text(
          JsonObject{{"error", allowed.empty() ? fmt::format("no such route: path={}", request.path)
                                               : fmt::format("the route has no method {}: path={}",
                                                             http::method_name(request.method),
                                                             request.path)}}),
      allowed.empty() ? 404 : 405);
}

std::vector<http::Route> oip_routes(const Served& served) {
  std::vector<http::Route> routes;
  const auto add = [&](Method method, std::string pattern, std::string summary,
                       http::Handler handler) {
    routes.push_back({.method = method,
                      .pattern = std::move(pattern),
                      .summary = std::move(summary),
                      .handler = std::move(handler),
                      .lane = http::Lane::kInline,
                      .tag = "oip"});
  };
  using Handle = Result<Response> (*)(const Served&, const Request&);
  const auto with = [&served](Handle handle) {
    return answering([served, handle](const Request& r) { return handle(served, r); }, v2_error);
  };
  const auto fixed = [](std::string body) -> http::Handler {
    return [body = std::move(body)](const Request&) { return Response::json(body); };
  };
  JsonArray extensions;
  for (const std::string_view extension : kExtensions) extensions.push_back(Json(extension));
  const std::string server = base::to_text(JsonObject{
      {"name", "slipway"}, {"version", served.version}, {"extensions", std::move(extensions)}});
  add(Method::kGet, "/v2", "Server metadata.", fixed(server));
  add(Method::kGet, "/v2/", "Server metadata.", fixed(server));
  add(Method::kGet, "/v2/health/live", "The server runs.", fixed("{\"live\":true}"));
  add(Method::kGet, "/v2/health/ready", "The server takes requests.", fixed("{\"ready\":true}"));
  add(Method::kGet, "/v2/models/stats", "Counts and times of all endpoints.", with(statistics));
  for (const std::string model : {"/v2/models/{name}", "/v2/models/{name}/versions/{version}"}) {
    add(Method::kPost, model + "/infer", "Predictions of an endpoint.", with(infer));
    score_in_queue(routes.back(), served, named_in_path, v2_error);
    add(Method::kGet, model, "Inputs and outputs of an endpoint.", with(metadata));
    score_in_queue(routes.back(), served, named_in_path, v2_error);
    add(Method::kGet, model + "/ready", "The endpoint answers.", with(ready));
    add(Method::kGet, model + "/stats", "Counts and times of an endpoint.", with(statistics));
  }
  add(Method::kPost, "/v2/repository/index", "The endpoints that answer.", with(index));
  add(Method::kPost, "/v2/repository/models/{name}/load", "The endpoint's models come into memory.",
      with(load));
  score_in_queue(routes.back(), served, named_in_path, v2_error);
  add(Method::kPost, "/v2/repository/models/{name}/unload", "The endpoint's models leave memory.",
      with(unload));
  routes.back().lane = http::Lane::kData;
  return routes;
}

}  // namespace slipway::api::predict
