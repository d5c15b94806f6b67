#include <charconv>

#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr std::int64_t kModelsPageMax = 1000;
constexpr std::int64_t kVersionsPageMax = 200'000;

Result<std::int64_t> read_version(const Fields& fields) {
  const std::string text = TRY(fields.required("version"));
  std::int64_t version = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return base::error(Code::kInvalidArgument, "Parameter 'version' must be an integer, got '{}'.",
                       text);
  }
  return version;
}

// Who asks, and why: MLflow's requests have no field for a reason, so it may come as a header.
registry::Change read_change(const Request& request) {
  registry::Change change;
  const std::string_view claimed = request.header("Slipway-Actor");
  if (request.user.empty() && !claimed.empty()) change.actor = claimed;
  change.reason = request.header("Slipway-Reason");
  return change;
}

std::vector<registry::KeyValue> read_tags(const Fields& fields) {
  std::vector<registry::KeyValue> tags;
  for (const tracking::KeyValue& tag : read_pairs(fields.objects("tags")))
    tags.push_back({tag.key, tag.value});
  return tags;
}

Result<registry::SearchQuery> read_query(const Fields& fields, std::int64_t otherwise,
                                         std::int64_t most) {
  registry::SearchQuery query{.filter = fields.text("filter"),
                              .order_by = fields.texts("order_by")};
  query.max_results = TRY(fields.integer("max_results")).value_or(otherwise);
  query.offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  if (query.max_results < 1) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value for max_results. It must be a positive integer, but got {}",
                       query.max_results);
  }
  if (query.max_results > most) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value for request parameter max_results. It must be at most {}, "
                       "but got value {}",
                       most, query.max_results);
  }
  return query;
}

JsonObject model_reply(const registry::RegisteredModel& model) {
  return {{"registered_model", to_json(model)}};
}
JsonObject version_reply(const registry::ModelVersion& version) {
  return {{"model_version", to_json(version)}};
}

Result<Response> create_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(
      TRY(services.registry.create_model(TRY(fields.required("name")), fields.text("description"),
                                         read_tags(fields), read_change(request)))));
}

Result<Response> get_model(Services& services, const Request& request) {
  return reply(
      model_reply(TRY(services.registry.get_model(TRY(Fields(request).required("name"))))));
}

Result<Response> update_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(TRY(services.registry.update_model(
      TRY(fields.required("name")), fields.text("description"), read_change(request)))));
}

Result<Response> rename_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(TRY(services.registry.rename_model(
      TRY(fields.required("name")), TRY(fields.required("new_name")), read_change(request)))));
}

Result<Response> delete_model(Services& services, const Request& request) {
  TRY(services.registry.delete_model(TRY(Fields(request).required("name")), read_change(request)));
  return reply({});
}

Result<Response> set_model_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.set_model_tag(TRY(fields.required("name")),
                                      {TRY(fields.required("key")), fields.text("value")},
                                      read_change(request)));
  return reply({});
}

Result<Response> delete_model_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_model_tag(TRY(fields.required("name")), TRY(fields.required("key")),
                                         read_change(request)));
  return reply({});
}

Result<Response> search_models(Services& services, const Request& request) {
  const auto page =
      TRY(services.registry.search_models(TRY(read_query(Fields(request), 100, kModelsPageMax))));
  JsonObject body;
  JsonArray models;
  for (const registry::RegisteredModel& model : page.items) models.push_back(to_json(model));
  if (!models.empty()) body["registered_models"] = std::move(models);
  if (page.next_offset >= 0) body["next_page_token"] = tracking::page_token(page.next_offset);
  return reply(body);
}

Result<Response> latest_versions(Services& services, const Request& request) {
  const Fields fields(request);
  JsonArray versions;
  for (const registry::ModelVersion& version :
       TRY(services.registry.latest_versions(TRY(fields.required("name")), fields.texts("stages"))))
    versions.push_back(to_json(version));
  JsonObject body;
  if (!versions.empty()) body["model_versions"] = std::move(versions);
  return reply(body);
}

Result<Response> create_version(Services& services, const Request& request) {
  const Fields fields(request);
  registry::ModelVersion draft;
  draft.model = TRY(fields.required("name"));
  draft.source = TRY(fields.required("source"));
  draft.description = fields.text("description");
  draft.run_id = fields.text("run_id");
  draft.run_link = fields.text("run_link");
  draft.model_id = fields.text("model_id");
  draft.tags = read_tags(fields);
  return reply(
      version_reply(TRY(services.registry.create_version(std::move(draft), read_change(request)))));
}

Result<Response> get_version(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(
      TRY(services.registry.get_version(TRY(fields.required("name")), TRY(read_version(fields))))));
}

Result<Response> update_version(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(
      TRY(services.registry.update_version(TRY(fields.required("name")), TRY(read_version(fields)),
                                           fields.text("description"), read_change(request)))));
}

Result<Response> delete_version(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_version(TRY(fields.required("name")), TRY(read_version(fields)),
                                       read_change(request)));
  return reply({});
}

Result<Response> set_version_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.set_version_tag(TRY(fields.required("name")), TRY(read_version(fields)),
                                        {TRY(fields.required("key")), fields.text("value")},
                                        read_change(request)));
  return reply({});
}

Result<Response> delete_version_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_version_tag(TRY(fields.required("name")), TRY(read_version(fields)),
                                           TRY(fields.required("key")), read_change(request)));
  return reply({});
}

Result<Response> transition_stage(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(TRY(services.registry.set_stage(
      TRY(fields.required("name")), TRY(read_version(fields)), TRY(fields.required("stage")),
      fields.boolean("archive_existing_versions"), read_change(request)))));
}

// Where the files of a version are.
Result<Response> download_uri(Services& services, const Request& request) {
  const Fields fields(request);
  return reply({{"artifact_uri", TRY(services.registry.get_version(TRY(fields.required("name")),
                                                                   TRY(read_version(fields))))
                                     .place()}});
}

Result<Response> search_versions(Services& services, const Request& request) {
  const auto page = TRY(services.registry.search_versions(
      TRY(read_query(Fields(request), 10'000, kVersionsPageMax))));
  JsonObject body;
  JsonArray versions;
  for (const registry::ModelVersion& version : page.items) versions.push_back(to_json(version));
  if (!versions.empty()) body["model_versions"] = std::move(versions);
  if (page.next_offset >= 0) body["next_page_token"] = tracking::page_token(page.next_offset);
  return reply(body);
}

Result<Response> set_alias(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.set_alias(TRY(fields.required("name")), TRY(fields.required("alias")),
                                  TRY(read_version(fields)), read_change(request)));
  return reply({});
}

Result<Response> get_by_alias(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(TRY(services.registry.version_by_alias(
      TRY(fields.required("name")), TRY(fields.required("alias"))))));
}

Result<Response> delete_alias(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_alias(TRY(fields.required("name")), TRY(fields.required("alias")),
                                     read_change(request)));
  return reply({});
}

}  // namespace

void add_registry_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/registered-models/create", create_model);
  add(routes, services, Method::kGet, "/mlflow/registered-models/get", get_model);
  add(routes, services, Method::kPatch, "/mlflow/registered-models/update", update_model);
  add(routes, services, Method::kPost, "/mlflow/registered-models/rename", rename_model);
  add(routes, services, Method::kDelete, "/mlflow/registered-models/delete", delete_model);
  add(routes, services, Method::kPost, "/mlflow/registered-models/set-tag", set_model_tag);
  add(routes, services, Method::kDelete, "/mlflow/registered-models/delete-tag", delete_model_tag);
  add(routes, services, Method::kGet, "/mlflow/registered-models/search", search_models);
  add(routes, services, Method::kGet, "/mlflow/registered-models/get-latest-versions",
      latest_versions);
  add(routes, services, Method::kPost, "/mlflow/registered-models/get-latest-versions",
      latest_versions);
  add(routes, services, Method::kPost, "/mlflow/registered-models/alias", set_alias);
  add(routes, services, Method::kGet, "/mlflow/registered-models/alias", get_by_alias);
  add(routes, services, Method::kDelete, "/mlflow/registered-models/alias", delete_alias);
  add(routes, services, Method::kPost, "/mlflow/model-versions/create", create_version);
  add(routes, services, Method::kGet, "/mlflow/model-versions/get", get_version);
  add(routes, services, Method::kPatch, "/mlflow/model-versions/update", update_version);
  add(routes, services, Method::kDelete, "/mlflow/model-versions/delete", delete_version);
  add(routes, services, Method::kPost, "/mlflow/model-versions/set-tag", set_version_tag);
  add(routes, services, Method::kDelete, "/mlflow/model-versions/delete-tag", delete_version_tag);
  add(routes, services, Method::kPost, "/mlflow/model-versions/transition-stage", transition_stage);
  add(routes, services, Method::kGet, "/mlflow/model-versions/get-download-uri", download_uri);
  add(routes, services, Method::kGet, "/mlflow/model-versions/search", search_versions);
}

}  // namespace slipway::api::mlflow
