#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  const tracking::LoggedModel draft{.experiment_id = TRY(fields.required("experiment_id")),
                                    .name = fields.text("name"),
                                    .model_type = fields.text("model_type"),
                                    .source_run_id = fields.text("source_run_id"),
                                    .params = read_pairs(fields.objects("params")),
                                    .tags = read_pairs(fields.objects("tags"))};
  return reply({{"model", to_json(TRY(services.logged_models.create(draft)))}});
}

Result<Response> get(Services& services, const Request& request) {
  return reply({{"model", to_json(TRY(services.logged_models.get(request.param("id"))))}});
}

Result<Response> finalize(Services& services, const Request& request) {
  return reply({{"model", to_json(TRY(services.logged_models.finalize(
                              request.param("id"), TRY(Fields(request).required("status")))))}});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.logged_models.remove(request.param("id")));
  return reply({});
}

Result<Response> set_tags(Services& services, const Request& request) {
  TRY(services.logged_models.set_tags(request.param("id"),
                                      read_pairs(Fields(request).objects("tags"))));
  return reply({{"model", to_json(TRY(services.logged_models.get(request.param("id"))))}});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  TRY(services.logged_models.delete_tag(request.param("id"), request.param("key")));
  return reply({});
}

Result<Response> log_params(Services& services, const Request& request) {
  TRY(services.logged_models.log_params(request.param("id"),
                                        read_pairs(Fields(request).objects("params"))));
  return reply({});
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t max_results = TRY(fields.integer("max_results")).value_or(100);
  if (max_results < 1 || max_results > 1000)
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied", max_results);
  const auto page =
      TRY(services.logged_models.search(fields.texts("experiment_ids"), fields.text("filter"),
                                        max_results, fields.text("page_token")));
  JsonObject body;
  JsonArray models;
  for (const tracking::LoggedModel& model : page.items) models.push_back(to_json(model));
  if (!models.empty()) body["models"] = std::move(models);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

Result<Response> list_artifacts(Services& services, const Request& request) {
  const tracking::LoggedModel model = TRY(services.logged_models.get(request.param("id")));
  const std::string path = Fields(request).text("artifact_directory_path");
  const std::optional<std::string> root = tracking::proxied_path(model.artifact_uri);
  if (!root)
    return base::error(Code::kInvalidArgument, "the server does not hold these artifacts: uri={}",
                       model.artifact_uri);
  JsonArray files;
  for (const tracking::ArtifactFile& file :
       TRY(services.artifacts.list(path.empty() ? *root : *root + "/" + path)))
    files.push_back(to_json(file, path));
  JsonObject body{{"root_uri", model.artifact_uri}};
  if (!files.empty()) body["files"] = std::move(files);
  return reply(body);
}

}  // namespace

void add_logged_model_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/logged-models", create);
  add(routes, services, Method::kPost, "/mlflow/logged-models/search", search);
  add(routes, services, Method::kGet, "/mlflow/logged-models/{id}", get);
  add(routes, services, Method::kPatch, "/mlflow/logged-models/{id}", finalize);
  add(routes, services, Method::kDelete, "/mlflow/logged-models/{id}", remove);
  add(routes, services, Method::kPatch, "/mlflow/logged-models/{id}/tags", set_tags);
  add(routes, services, Method::kDelete, "/mlflow/logged-models/{id}/tags/{key}", delete_tag);
  add(routes, services, Method::kPost, "/mlflow/logged-models/{id}/params", log_params);
  add(routes, services, Method::kGet, "/mlflow/logged-models/{id}/artifacts/directories",
      list_artifacts);
}

}  // namespace slipway::api::mlflow
