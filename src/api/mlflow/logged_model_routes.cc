#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/logged_model_search.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

std::string text_member(const JsonObject& object, std::string_view name) {
  return base::find_string(object, name).value_or(std::nullopt).value_or("");
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), optional("name"), optional("model_type"),
                    optional("source_run_id"), optional("params", kArray),
                    optional("tags", kArray)}));
  const tracking::LoggedModel draft{.experiment_id = fields.text("experiment_id"),
                                    .name = fields.text("name"),
                                    .model_type = fields.text("model_type"),
                                    .source_run_id = fields.text("source_run_id"),
                                    .params = read_pairs(fields.objects("params")),
                                    .tags = read_pairs(fields.objects("tags"))};
  return reply({{"model", to_json(TRY(services.logged_models.create(draft)))}});
}

Result<Response> get(Services& services, const Request& request) {
  const auto deleted = Fields(request).boolean("allow_deleted") ? tracking::Deleted::kShown
                                                                : tracking::Deleted::kHidden;
  return reply({{"model", to_json(TRY(services.logged_models.get(request.param("id"), deleted)))}});
}

// The status by name or by its number in MLflow's protocol.
Result<Response> finalize(Services& services, const Request& request) {
  const Fields fields(request);
  if (!fields.has("status")) return fields.required("status").error();
  std::string status = fields.text("status");
  if (status == "2") status = "LOGGED_MODEL_READY";
  if (status == "3") status = "LOGGED_MODEL_UPLOAD_FAILED";
  return reply(
      {{"model", to_json(TRY(services.logged_models.finalize(request.param("id"), status)))}});
}

Result<Response> remove(Services& services, const Request& request) {
  TRY(services.logged_models.remove(request.param("id")));
  return reply({});
}

Result<Response> set_tags(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("tags", kArray)}));
  TRY(services.logged_models.set_tags(request.param("id"), read_pairs(fields.objects("tags"))));
  return reply({});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  TRY(services.logged_models.delete_tag(request.param("id"), request.param("key")));
  return reply({});
}

Result<Response> log_params(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("params", kArray)}));
  TRY(services.logged_models.log_params(request.param("id"), read_pairs(fields.objects("params"))));
  return reply({});
}

tracking::DatasetKey read_dataset(const JsonObject& object) {
  return {.name = text_member(object, "dataset_name"),
          .digest = text_member(object, "dataset_digest")};
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_ids", kTexts), optional("filter"),
                    optional("datasets", kArray), optional("max_results", kInteger),
                    optional("order_by", kArray), optional("page_token")}));
  tracking::LoggedModelQuery query{.experiment_ids = fields.texts("experiment_ids"),
                                   .filter = fields.text("filter"),
                                   .page_token = fields.text("page_token")};
  for (const JsonObject& dataset : fields.objects("datasets"))
    query.datasets.push_back(read_dataset(dataset));
  for (const JsonObject& order : fields.objects("order_by")) {
    query.order_by.push_back(
        {.field = text_member(order, "field_name"),
         .ascending = base::find_bool(order, "ascending").value_or(std::nullopt).value_or(true),
         .dataset = read_dataset(order)});
  }
  // 0 is what clients send that leave it out.
  if (const std::int64_t wanted = TRY(fields.integer("max_results")).value_or(0); wanted != 0)
    query.max_results = wanted;
  const auto page = TRY(tracking::search_logged_models(services.db, query));
  JsonObject body;
  JsonArray models;
  for (const tracking::LoggedModel& model : page.items) models.push_back(to_json(model));
  if (!models.empty()) body["models"] = std::move(models);
  if (!page.next.empty()) body["next_page_token"] = page.next;
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
}

}  // namespace slipway::api::mlflow
