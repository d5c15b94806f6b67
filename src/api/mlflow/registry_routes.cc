#include <charconv>

#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "registry/search_grammars.h"
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
    return base::error(Code::kInvalidArgument, "Model version must be an integer, got '{}'", text);
  }
  return version;
}

std::vector<registry::KeyValue> read_tags(const Fields& fields) {
  std::vector<registry::KeyValue> tags;
  for (const tracking::KeyValue& tag : read_pairs(fields.objects("tags")))
    tags.push_back({tag.key, tag.value});
  return tags;
}

Result<std::int64_t> page_size(const Fields& fields, std::int64_t otherwise, std::int64_t most) {
  const std::int64_t size = TRY(fields.integer("max_results")).value_or(otherwise);
  if (size < 1 || size > most) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value for max_results. It must be a positive integer at most {}, but got {}", most,
        size);
  }
  return size;
}

JsonObject model_reply(const registry::RegisteredModel& model) {
  return {{"registered_model", to_json(model)}};
}
JsonObject version_reply(const registry::ModelVersion& version) {
  return {{"model_version", to_json(version)}};
}

Result<Response> create_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(TRY(services.registry.create_model(
      TRY(fields.required("name")), fields.text("description"), read_tags(fields)))));
}

Result<Response> get_model(Services& services, const Request& request) {
  return reply(
      model_reply(TRY(services.registry.get_model(TRY(Fields(request).required("name"))))));
}

Result<Response> update_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(TRY(
      services.registry.update_model(TRY(fields.required("name")), fields.text("description")))));
}

Result<Response> rename_model(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(model_reply(TRY(services.registry.rename_model(TRY(fields.required("name")),
                                                              TRY(fields.required("new_name"))))));
}

Result<Response> delete_model(Services& services, const Request& request) {
  TRY(services.registry.delete_model(TRY(Fields(request).required("name"))));
  return reply({});
}

Result<Response> set_model_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.set_model_tag(TRY(fields.required("name")),
                                      {TRY(fields.required("key")), fields.text("value")}));
  return reply({});
}

Result<Response> delete_model_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_model_tag(TRY(fields.required("name")),
                                         TRY(fields.required("key"))));
  return reply({});
}

Result<Response> search_models(Services& services, const Request& request) {
  const Fields fields(request);
  std::string name_like;
  for (const types::SearchClause& clause :
       TRY(types::parse_search_filter(fields.text("filter"), registry::model_grammar()))) {
    const auto* text = std::get_if<std::string>(&clause.value);
    if (clause.entity == types::Entity::kTag && clause.key == "mlflow.prompt.is_prompt")
      continue;  // there are no prompts to hide
    if (clause.entity != types::Entity::kAttribute || clause.key != "name" || text == nullptr) {
      return base::error(
          Code::kInvalidArgument,
          "Invalid attribute key '{}' for registered models: only name can be searched",
          clause.key);
    }
    name_like = *text;
  }
  const std::int64_t size = TRY(page_size(fields, 100, kModelsPageMax));
  const auto page = TRY(services.registry.search_models(
      name_like, size, TRY(tracking::parse_page_token(fields.text("page_token")))));
  JsonObject body;
  JsonArray models;
  for (const registry::RegisteredModel& model : page.items) models.push_back(to_json(model));
  if (!models.empty()) body["registered_models"] = std::move(models);
  if (page.next_offset >= 0) body["next_page_token"] = tracking::page_token(page.next_offset);
  return reply(body);
}

Result<Response> latest_versions(Services& services, const Request& request) {
  const Fields fields(request);
  const registry::RegisteredModel model =
      TRY(services.registry.get_model(TRY(fields.required("name"))));
  const std::vector<std::string> stages = fields.texts("stages");
  JsonArray versions;
  for (const registry::ModelVersion& version : model.latest_versions) {
    if (stages.empty() || std::find(stages.begin(), stages.end(), version.stage) != stages.end())
      versions.push_back(to_json(version));
  }
  JsonObject body;
  if (!versions.empty()) body["model_versions"] = std::move(versions);
  return reply(body);
}

// A version's source must be something this server holds or a place elsewhere; a local path would
// let a client read any file.
Result<void> check_source(const std::string& source, const std::string& run_id) {
  if (source.starts_with("runs:/")) {
    const std::string rest = source.substr(6);
    if (!run_id.empty() && rest.substr(0, rest.find('/')) != run_id) {
      return base::error(Code::kInvalidArgument,
                         "Invalid model version source: '{}'. It does not belong to the run '{}'",
                         source, run_id);
    }
    return {};
  }
  if (const std::optional<std::string> path = tracking::proxied_path(source)) {
    TRY(tracking::safe_path(*path));
    return {};
  }
  if (source.starts_with("models:/") || source.find("://") != std::string::npos) {
    if (source.starts_with("file:"))
      return base::error(Code::kInvalidArgument,
                         "Invalid model version source: '{}'. Local paths are not accepted",
                         source);
    return {};
  }
  return base::error(Code::kInvalidArgument,
                     "Invalid model version source: '{}'. Local paths are not accepted", source);
}

Result<Response> create_version(Services& services, const Request& request) {
  const Fields fields(request);
  std::string model = TRY(fields.required("name")), source = TRY(fields.required("source"));
  registry::ModelVersion draft{.model = std::move(model),
                               .description = fields.text("description"),
                               .source = std::move(source),
                               .run_id = fields.text("run_id"),
                               .run_link = fields.text("run_link"),
                               .model_id = fields.text("model_id"),
                               .tags = read_tags(fields)};
  TRY(check_source(draft.source, draft.run_id));
  // A version made from a logged model belongs to the run that logged it.
  if (draft.model_id.empty() && draft.source.starts_with("models:/m-"))
    draft.model_id = draft.source.substr(8);
  if (draft.run_id.empty() && !draft.model_id.empty()) {
    draft.run_id = TRY(services.logged_models.get(draft.model_id)).source_run_id;
  }
  return reply(version_reply(TRY(services.registry.create_version(draft))));
}

Result<Response> get_version(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(
      TRY(services.registry.get_version(TRY(fields.required("name")), TRY(read_version(fields))))));
}

Result<Response> update_version(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(TRY(services.registry.update_version(
      TRY(fields.required("name")), TRY(read_version(fields)), fields.text("description")))));
}

Result<Response> delete_version(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_version(TRY(fields.required("name")), TRY(read_version(fields))));
  return reply({});
}

Result<Response> set_version_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.set_version_tag(TRY(fields.required("name")), TRY(read_version(fields)),
                                        {TRY(fields.required("key")), fields.text("value")}));
  return reply({});
}

Result<Response> delete_version_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(services.registry.delete_version_tag(TRY(fields.required("name")), TRY(read_version(fields)),
                                           TRY(fields.required("key"))));
  return reply({});
}

Result<Response> transition_stage(Services& services, const Request& request) {
  const Fields fields(request);
  return reply(version_reply(TRY(services.registry.set_stage(
      TRY(fields.required("name")), TRY(read_version(fields)), TRY(fields.required("stage")),
      fields.boolean("archive_existing_versions")))));
}

// Where the files of a version are: through a logged model when it was made from one.
Result<Response> download_uri(Services& services, const Request& request) {
  const Fields fields(request);
  const registry::ModelVersion version =
      TRY(services.registry.get_version(TRY(fields.required("name")), TRY(read_version(fields))));
  std::string uri = version.source;
  if (uri.starts_with("models:/m-"))
    uri = TRY(services.logged_models.get(uri.substr(8))).artifact_uri;
  return reply({{"artifact_uri", uri}});
}

Result<Response> search_versions(Services& services, const Request& request) {
  const Fields fields(request);
  registry::Registry::VersionFilter filter;
  for (const types::SearchClause& clause :
       TRY(types::parse_search_filter(fields.text("filter"), registry::version_grammar()))) {
    const auto* text = std::get_if<std::string>(&clause.value);
    const auto* list = std::get_if<std::vector<std::string>>(&clause.value);
    if (list != nullptr && list->size() == 1) text = &list->front();
    if (clause.entity != types::Entity::kAttribute || text == nullptr ||
        (clause.comparison != types::Comparison::kEqual &&
         clause.comparison != types::Comparison::kIn)) {
      return base::error(Code::kInvalidArgument, "Invalid clause for model versions: key={}",
                         clause.key);
    }
    if (clause.key == "name") {
      filter.model = *text;
    } else if (clause.key == "run_id") {
      filter.run_id = *text;
    } else if (clause.key == "source_path") {
      filter.source = *text;
    } else {
      return base::error(Code::kInvalidArgument,
                         "Invalid attribute key '{}'. Valid keys are name, run_id, source_path",
                         clause.key);
    }
  }
  const std::int64_t size = TRY(page_size(fields, 10'000, kVersionsPageMax));
  const auto page = TRY(services.registry.search_versions(
      filter, size, TRY(tracking::parse_page_token(fields.text("page_token")))));
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
                                  TRY(read_version(fields)),
                                  {.reason = "set through the MLflow API"}));
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
                                     {.reason = "deleted through the MLflow API"}));
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
