#include "api/kubeflow/wire.h"

#include <charconv>

#include "api/kubeflow/errors.h"
#include "types/timestamp.h"

namespace slipway::api::kubeflow {

http::Route route(const Services& services, http::Method method, std::string pattern,
                  std::string summary, Handle handle) {
  return {.method = method,
          .pattern = "/apis/v2beta1" + std::move(pattern),
          .summary = "Kubeflow Pipelines: " + std::move(summary),
          .handler =
              [services, handle](const http::Request& request) {
                Result<http::Response> response = handle(services, request);
                return response ? std::move(*response) : error_reply(response.error());
              },
          .refuse = [](const http::Request&, const Error& error) { return error_reply(error); },
          .body_bytes_max = services.package_bytes_max,
          .tag = "kubeflow"};
}

std::string actor_of(const http::Request& request) {
  return request.user.empty() ? std::string("anonymous") : request.user;
}

Result<JsonObject> read_body(const http::Request& request) {
  if (request.body.empty()) return JsonObject();
  return base::parse_json_object(request.body);
}

std::string text_of(const http::Request& request, std::string_view name) {
  return request.query(name).value_or("");
}

Result<kfp::ListQuery> read_list_query(const http::Request& request) {
  kfp::ListQuery query{.page_token = text_of(request, "page_token"),
                       .sort_by = text_of(request, "sort_by"),
                       .filter = text_of(request, "filter")};
  if (const std::string size = text_of(request, "page_size"); !size.empty()) {
    const auto [end, error] =
        std::from_chars(size.data(), size.data() + size.size(), query.page_size);
    if (error != std::errc() || end != size.data() + size.size())
      return base::error(Code::kInvalidArgument, "page_size is a whole number: got={}", size);
  }
  return query;
}

const Json* member_of(const JsonObject& body, std::string_view snake, std::string_view camel) {
  for (const std::string_view name : {snake, camel}) {
    const Json* const value = body.if_contains(name);
    if (value != nullptr && !value->is_null()) return value;
  }
  return nullptr;
}

Result<std::string> text_of(const JsonObject& body, std::string_view snake,
                            std::string_view camel) {
  for (const std::string_view name : {snake, camel}) {
    if (auto text = TRY(base::find_string(body, name))) return std::move(*text);
  }
  return std::string();
}

std::string to_text(base::Timestamp time) { return types::to_rfc3339(time); }

Result<kfp::Target> read_target(const JsonObject& body) {
  kfp::Target target;
  if (const Json* const spec = member_of(body, "pipeline_spec", "pipelineSpec")) {
    if (!spec->is_object())
      return base::error(Code::kInvalidArgument, "pipeline_spec must be a mapping");
    target.spec = *spec;
  }
  if (const Json* const reference =
          member_of(body, "pipeline_version_reference", "pipelineVersionReference")) {
    if (!reference->is_object())
      return base::error(Code::kInvalidArgument, "pipeline_version_reference must be a mapping");
    const JsonObject& members = reference->get_object();
    target.pipeline = TRY(text_of(members, "pipeline_id", "pipelineId"));
    target.version = TRY(text_of(members, "pipeline_version_id", "pipelineVersionId"));
  }
  if (const Json* const config = member_of(body, "runtime_config", "runtimeConfig")) {
    if (!config->is_object())
      return base::error(Code::kInvalidArgument, "runtime_config must be a mapping");
    target.config = config->get_object();
  }
  return target;
}

JsonObject note_of(const Services& services, const std::string& plan) {
  return {
      {"pipeline", plan},
      {"note", services.plans.where() == kfp::Where::kJobs
                   ? "tasks run as Jobs of Kubernetes, in the images of their components: see the "
                     "server's setting kubeflow-executor"
                   : "tasks run as processes of the server's machine, in the Python of its setting "
                     "python-path: images and resources of components are not used (setting "
                     "kubeflow-executor)"}};
}

Result<void> tell_target(const Services& services, const std::string& plan,
                         const std::string& pipeline, const std::string& version,
                         const JsonObject& config, JsonObject& object) {
  if (pipeline.empty()) {
    object["pipeline_spec"] = TRY(services.plans.find(plan)).spec;
  } else {
    object["pipeline_version_reference"] =
        JsonObject{{"pipeline_id", pipeline}, {"pipeline_version_id", version}};
  }
  object["runtime_config"] = config;
  object["slipway"] = note_of(services, plan);
  return {};
}

JsonObject page_of(std::string_view name, JsonArray list, const std::string& next_page_token,
                   std::size_t total) {
  JsonObject page;
  if (!list.empty()) page[name] = std::move(list);
  page["total_size"] = total;
  if (!next_page_token.empty()) page["next_page_token"] = next_page_token;
  return page;
}

std::vector<http::Route> kubeflow_routes(const Services& services) {
  std::vector<http::Route> routes = experiment_routes(services);
  for (const auto& more :
       {pipeline_routes(services), run_routes(services), recurring_run_routes(services)})
    routes.insert(routes.end(), more.begin(), more.end());
  return routes;
}

}  // namespace slipway::api::kubeflow
