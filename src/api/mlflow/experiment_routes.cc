#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

tracking::View read_view(const std::string& name) {
  if (name == "DELETED_ONLY") return tracking::View::kDeleted;
  if (name == "ALL") return tracking::View::kAll;
  return tracking::View::kActive;
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(services.experiments.create(TRY(fields.required("name")),
                                                         fields.text("artifact_location"),
                                                         read_pairs(fields.objects("tags"))));
  return reply({{"experiment_id", id}});
}

Result<Response> get(Services& services, const Request& request) {
  const Fields fields(request);
  return reply({{"experiment",
                 to_json(TRY(services.experiments.get(TRY(fields.required("experiment_id")))))}});
}

Result<Response> get_by_name(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(
      {{"experiment",
        to_json(TRY(services.experiments.get_by_name(TRY(fields.required("experiment_name")))))}});
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  const std::int64_t max_results = TRY(fields.integer("max_results")).value_or(0);
  const auto page =
      TRY(services.experiments.search(read_view(fields.text("view_type")), fields.text("filter"),
                                      max_results, fields.text("page_token")));
  JsonObject body;
  JsonArray experiments;
  for (const tracking::Experiment& experiment : page.items)
    experiments.push_back(to_json(experiment));
  if (!experiments.empty()) body["experiments"] = std::move(experiments);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

Result<Response> update(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.required("experiment_id"));
  if (fields.has("new_name")) TRY(services.experiments.rename(id, fields.text("new_name")));
  return reply({});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.experiments.remove(TRY(Fields(request).required("experiment_id"))));
  return reply({});
}

Result<Response> restore(Services& services, const Request& request) {
  TRY(services.experiments.restore(TRY(Fields(request).required("experiment_id"))));
  return reply({});
}

Result<Response> set_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.experiments.set_tag(TRY(fields.required("experiment_id")),
                                   {TRY(fields.required("key")), fields.text("value")}));
  return reply({});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.experiments.delete_tag(TRY(fields.required("experiment_id")),
                                      TRY(fields.required("key"))));
  return reply({});
}

}  // namespace

void add_experiment_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/experiments/create", create);
  add(routes, services, Method::kGet, "/mlflow/experiments/get", get);
  add(routes, services, Method::kGet, "/mlflow/experiments/get-by-name", get_by_name);
  add(routes, services, Method::kGet, "/mlflow/experiments/search", search);
  add(routes, services, Method::kPost, "/mlflow/experiments/search", search);
  add(routes, services, Method::kPost, "/mlflow/experiments/update", update);
  add(routes, services, Method::kPost, "/mlflow/experiments/delete", remove);
  add(routes, services, Method::kPost, "/mlflow/experiments/restore", restore);
  add(routes, services, Method::kPost, "/mlflow/experiments/set-experiment-tag", set_tag);
  add(routes, services, Method::kPost, "/mlflow/experiments/delete-experiment-tag", delete_tag);
}

}  // namespace slipway::api::mlflow
