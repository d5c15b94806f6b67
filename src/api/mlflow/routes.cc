#include "api/mlflow/routes.h"

#include "api/mlflow/artifact_wire.h"
#include "api/mlflow/errors.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

// What clients of 3.17 ask first: among others, whether the storage behind the artifact proxy takes
// large files from them in parts, and gives them out. Else they send one PUT through us.
Result<http::Response> server_info(Services& services, const http::Request&) {
  const bool direct = services.artifacts.options().serves_proxied &&
                      services.artifacts.direct(TRY(services.artifacts.proxied(""))) != nullptr;
  return reply({{"store_type", "SqlStore"},
                {"workspaces_enabled", false},
                {"trace_archival_enabled", false},
                {"multipart_uploads_enabled", direct},
                {"multipart_downloads_enabled", direct},
                {"presigned_upload_run_id_supported", true},
                {"presigned_upload_model_id_supported", true},
                {"features_enabled", {{"gateway", false}}}});
}

}  // namespace

void add_one(std::vector<http::Route>& routes, Services& services, http::Method method,
             const std::string& path, Handle handle) {
  routes.push_back(
      {.method = method,
       .pattern = path,
       .summary = "MLflow",
       .handler =
           [&services, handle = std::move(handle)](const http::Request& request) {
             const bool has_body =
                 request.method == http::Method::kPost || request.method == http::Method::kPatch;
             if (has_body && !request.header("Content-Type").starts_with("application/json")) {
               return error_response(base::error(
                   Code::kInvalidArgument,
                   "Bad Request. Content-Type must be one of ['application/json'] but got '{}'.",
                   request.header("Content-Type")));
             }
             Result<http::Response> response = handle(services, request);
             return response ? std::move(*response) : error_response(response.error());
           },
       .tag = "mlflow"});
}

void add(std::vector<http::Route>& routes, Services& services, http::Method method,
         const std::string& path, Handle handle) {
  for (const char* prefix : {"/api/2.0", "/ajax-api/2.0"})
    add_one(routes, services, method, prefix + path, handle);
}

std::vector<http::Route> routes(Services& services) {
  std::vector<http::Route> routes;
  add_experiment_routes(routes, services);
  add_run_routes(routes, services);
  add_logged_model_routes(routes, services);
  add_registry_routes(routes, services);
  add_trace_routes(routes, services);
  add_issue_routes(routes, services);
  add_evaluation_routes(routes, services);
  add_review_routes(routes, services);
  add_webhook_routes(routes, services);
  add_artifact_routes(routes, services);
  add_graphql_routes(routes, services);
  add_page_routes(routes, services);
  if (services.artifacts_only) {
    for (http::Route& route : routes) {
      if (route.pattern.find("/mlflow-artifacts/") == std::string::npos)
        route.handler = artifacts_only(route.pattern);
    }
  }
  if (services.access != nullptr) add_auth_routes(routes, services);
  for (http::Route& route : routes) {
    route.refuse = [](const http::Request&, const Error& error) { return error_response(error); };
  }
  for (const char* path : {"/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"}) {
    routes.push_back(
        {.method = http::Method::kGet,
         .pattern = path,
         .summary = "MLflow",
         .handler =
             [&services](const http::Request& request) { return *server_info(services, request); },
         .lane = http::Lane::kInline,
         .tag = "mlflow"});
  }
  // The version of MLflow whose behaviour this is.
  routes.push_back({.method = http::Method::kGet,
                    .pattern = "/version",
                    .summary = "MLflow",
                    .handler = [](const http::Request&) { return http::Response::text("3.17.2"); },
                    .lane = http::Lane::kInline,
                    .tag = "mlflow"});
  return routes;
}

http::Response no_route(const http::Request&, const std::vector<http::Method>& allowed) {
  http::Response response;
  response.status = allowed.empty() ? 404 : 405;
  response.content_type = "text/html; charset=utf-8";
  const std::string_view title = allowed.empty() ? "404 Not Found" : "405 Method Not Allowed";
  response.body =
      fmt::format("<!doctype html>\n<html lang=en>\n<title>{0}</title>\n<h1>{0}</h1>\n", title);
  return response;
}

}  // namespace slipway::api::mlflow
