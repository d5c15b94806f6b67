#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/dataset_summaries.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("name"), optional("artifact_location"), optional("tags", kArray)}));
  const std::string id = TRY(services.experiments.create(
      fields.text("name"), fields.text("artifact_location"), read_pairs(fields.objects("tags"))));
  return reply({{"experiment_id", id}});
}

Result<Response> get(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id")}));
  return reply(
      {{"experiment", to_json(TRY(services.experiments.get(fields.text("experiment_id"))))}});
}

Result<Response> get_by_name(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(
      {{"experiment",
        to_json(TRY(services.experiments.get_by_name(TRY(fields.required("experiment_name")))))}});
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("view_type"), optional("max_results", kInteger), optional("filter"),
                    optional("order_by", kTexts), optional("page_token")}));
  tracking::Experiments::Query query{.view = read_view(fields.text("view_type")),
                                     .filter = fields.text("filter"),
                                     .order_by = fields.texts("order_by"),
                                     .page_token = fields.text("page_token")};
  query.max_results = TRY(fields.integer("max_results")).value_or(0);
  const auto page = TRY(services.experiments.search(query));
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
  TRY(fields.check({required("experiment_id"), optional("new_name")}));
  const std::string id = fields.text("experiment_id");
  if (fields.has("new_name")) TRY(services.experiments.rename(id, fields.text("new_name")));
  return reply({});
}

Result<Response> remove(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id")}));
  TRY(services.experiments.remove(fields.text("experiment_id")));
  return reply({});
}

Result<Response> restore(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id")}));
  TRY(services.experiments.restore(fields.text("experiment_id")));
  return reply({});
}

Result<Response> set_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("key"), optional("value")}));
  TRY(services.experiments.set_tag(fields.text("experiment_id"),
                                   {fields.text("key"), fields.text("value")}));
  return reply({});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("key")}));
  TRY(services.experiments.delete_tag(fields.text("experiment_id"), fields.text("key")));
  return reply({});
}

Result<Response> search_datasets(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_ids", kTexts)}));
  JsonArray summaries;
  for (const tracking::DatasetSummary& summary :
       TRY(tracking::summarize_datasets(services.db, fields.texts("experiment_ids")))) {
    JsonObject object{{"experiment_id", summary.experiment_id},
                      {"name", summary.name},
                      {"digest", summary.digest}};
    if (!summary.context.empty()) object["context"] = summary.context;
    summaries.push_back(std::move(object));
  }
  JsonObject body;
  if (!summaries.empty()) body["dataset_summaries"] = std::move(summaries);
  return reply(body);
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
  add(routes, services, Method::kPost, "/mlflow/experiments/search-datasets", search_datasets);
  // Where MLflow itself registers it for clients, without a slash.
  add_one(routes, services, Method::kPost, "/api/2.0mlflow/experiments/search-datasets",
          search_datasets);
}

}  // namespace slipway::api::mlflow
