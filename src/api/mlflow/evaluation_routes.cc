// Evaluation datasets and scorers.
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "evaluations/evaluation_datasets.h"
#include "evaluations/scorers.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using evaluations::DatasetRecord;
using evaluations::EvaluationDataset;
using evaluations::OnlineScoring;
using evaluations::ScorerVersion;
using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

// JSON inside a text field, where Python's client writes bare NaN.
Result<Json> parse_inner(const std::string& text, std::string_view name) {
  Result<Json> parsed = base::parse_json(text);
  if (!parsed) parsed = base::parse_json(quote_special_numbers(text));
  if (parsed) return parsed;
  return base::error(Code::kInvalidArgument,
                     "Invalid value for parameter '{}' supplied: it must be JSON in a string: {}",
                     name, parsed.error().message);
}

// What is no text becomes one as Python would write it; null is left out.
Result<evaluations::Tags> read_dataset_tags(const std::string& text) {
  evaluations::Tags tags;
  if (text.empty()) return tags;
  const Json parsed = TRY(parse_inner(text, "tags"));
  if (parsed.is_null()) return tags;
  if (!parsed.is_object()) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value for parameter 'tags' supplied: it must be a JSON object");
  }
  for (const auto& [key, value] : parsed.get_object()) {
    if (value.is_null()) continue;
    if (value.is_string()) {
      tags.emplace_back(key, std::string_view(value.get_string()));
    } else if (value.is_bool()) {
      tags.emplace_back(key, value.get_bool() ? "True" : "False");
    } else {
      tags.emplace_back(key, base::to_text(value));
    }
  }
  return tags;
}

JsonObject to_json(const EvaluationDataset& dataset) {
  JsonObject tags;
  for (const auto& [key, value] : dataset.tags) tags[key] = value;
  JsonObject object{{"dataset_id", dataset.id},
                    {"name", dataset.name},
                    {"tags", base::to_text(tags)},
                    {"digest", dataset.digest},
                    {"created_time", dataset.created.millis()},
                    {"last_update_time", dataset.updated.millis()}};
  if (!dataset.schema.empty()) object["schema"] = dataset.schema;
  if (dataset.records > 0)
    object["profile"] = base::to_text(JsonObject{{"num_records", dataset.records}});
  if (!dataset.created_by.empty()) object["created_by"] = dataset.created_by;
  if (!dataset.updated_by.empty()) object["last_updated_by"] = dataset.updated_by;
  JsonArray experiments;
  for (const std::string& id : dataset.experiment_ids) experiments.emplace_back(id);
  if (!experiments.empty()) object["experiment_ids"] = std::move(experiments);
  return object;
}

JsonObject to_json(const DatasetRecord& record, const std::string& dataset) {
  JsonObject object{{"dataset_record_id", record.id},
                    {"dataset_id", dataset},
                    {"inputs", record.inputs},
                    {"tags", record.tags},
                    {"created_time", record.created.millis()},
                    {"last_update_time", record.updated.millis()}};
  if (record.outputs) object["outputs"] = *record.outputs;
  if (record.expectations) object["expectations"] = *record.expectations;
  if (record.source) object["source"] = *record.source;
  if (record.source_id) object["source_id"] = *record.source_id;
  if (record.source_type) object["source_type"] = *record.source_type;
  if (record.created_by) object["created_by"] = *record.created_by;
  if (record.updated_by) object["last_updated_by"] = *record.updated_by;
  return object;
}

Result<Response> create_dataset(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("name"), optional("experiment_ids", kTexts), optional("tags")}));
  const evaluations::Tags tags = TRY(read_dataset_tags(fields.text("tags")));
  return reply({{"dataset", to_json(TRY(services.evaluation_datasets.create(
                                fields.text("name"), tags, fields.texts("experiment_ids"))))}});
}

Result<Response> get_dataset(Services& services, const Request& request) {
  return reply(
      {{"dataset", to_json(TRY(services.evaluation_datasets.get(request.param("dataset_id"))))}});
}

Result<Response> delete_dataset(Services& services, const Request& request) {
  TRY(services.evaluation_datasets.remove(request.param("dataset_id")));
  return reply({});
}

Result<Response> search_datasets(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_ids", kTexts), optional("filter_string"),
                    optional("max_results", kInteger), optional("order_by", kTexts),
                    optional("page_token")}));
  evaluations::DatasetQuery query;
  query.experiment_ids = fields.texts("experiment_ids");
  query.filter = fields.text("filter_string");
  query.order_by = fields.texts("order_by");
  query.max_results = TRY(fields.integer("max_results")).value_or(query.max_results);
  query.offset = TRY(tracking::parse_page_token(fields.text("page_token")));
  const evaluations::DatasetPage page = TRY(services.evaluation_datasets.search(query));
  JsonArray datasets;
  for (const EvaluationDataset& dataset : page.items) datasets.push_back(to_json(dataset));
  JsonObject body;
  if (!datasets.empty()) body["datasets"] = std::move(datasets);
  if (page.has_more)
    body["next_page_token"] = tracking::page_token(query.offset + query.max_results);
  return reply(body);
}

Result<Response> set_dataset_tags(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("tags")}));
  const evaluations::Tags tags = TRY(read_dataset_tags(fields.text("tags")));
  TRY(services.evaluation_datasets.set_tags(request.param("dataset_id"), tags));
  return reply({});
}

Result<Response> delete_dataset_tag(Services& services, const Request& request) {
  TRY(services.evaluation_datasets.delete_tag(request.param("dataset_id"), request.param("key")));
  return reply({});
}

Result<Response> dataset_experiments(Services& services, const Request& request) {
  const EvaluationDataset dataset =
      TRY(services.evaluation_datasets.get(request.param("dataset_id")));
  JsonArray experiments;
  for (const std::string& id : dataset.experiment_ids) experiments.emplace_back(id);
  JsonObject body;
  if (!experiments.empty()) body["experiment_ids"] = std::move(experiments);
  return reply(body);
}

Result<Response> add_experiments(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_ids", kTexts)}));
  return reply({{"dataset", to_json(TRY(services.evaluation_datasets.add_experiments(
                                request.param("dataset_id"), fields.texts("experiment_ids"))))}});
}

Result<Response> remove_experiments(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_ids", kTexts)}));
  return reply({{"dataset", to_json(TRY(services.evaluation_datasets.remove_experiments(
                                request.param("dataset_id"), fields.texts("experiment_ids"))))}});
}

Result<Response> upsert_records(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("records")}));
  const Json list = TRY(parse_inner(fields.text("records"), "records"));
  const std::vector<evaluations::RecordDraft> drafts = TRY(evaluations::read_drafts(list));
  const evaluations::UpsertCounts counts =
      TRY(services.evaluation_datasets.upsert_records(request.param("dataset_id"), drafts));
  return reply({{"inserted_count", counts.inserted}, {"updated_count", counts.updated}});
}

// The records are one text: JSON in JSON.
Result<Response> get_records(Services& services, const Request& request) {
  constexpr std::int64_t kPageSize = 1000;
  const Fields fields(request);
  TRY(fields.check({optional("max_results", kInteger), optional("page_token")}));
  const std::string& dataset = request.param("dataset_id");
  const evaluations::RecordPage page = TRY(services.evaluation_datasets.records(
      dataset, TRY(fields.integer("max_results")).value_or(kPageSize), fields.text("page_token")));
  JsonArray records;
  for (const DatasetRecord& record : page.items) records.push_back(to_json(record, dataset));
  JsonObject body{{"records", base::to_text(records)}};
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

Result<Response> delete_records(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("dataset_record_ids", kTexts)}));
  return reply(
      {{"deleted_count", TRY(services.evaluation_datasets.delete_records(
                             request.param("dataset_id"), fields.texts("dataset_record_ids")))}});
}

// Scorers. The experiment is a number where a scorer is listed, and a text where one is made.

JsonObject to_json(const ScorerVersion& scorer) {
  return {{"experiment_id", std::stoll(scorer.experiment_id)},
          {"scorer_name", scorer.name},
          {"scorer_version", scorer.version},
          {"serialized_scorer", scorer.content},
          {"creation_time", scorer.created.millis()},
          {"scorer_id", scorer.scorer_id}};
}

JsonObject to_json(const OnlineScoring& online) {
  JsonObject object{{"online_scoring_config_id", online.id},
                    {"scorer_id", online.scorer_id},
                    {"sample_rate", online.sample_rate},
                    {"experiment_id", online.experiment_id},
                    {"filter_string", nullptr}};
  if (online.filter) object["filter_string"] = *online.filter;
  return object;
}

Response scorers_reply(const std::vector<ScorerVersion>& scorers) {
  JsonArray list;
  for (const ScorerVersion& scorer : scorers) list.push_back(to_json(scorer));
  JsonObject body;
  if (!list.empty()) body["scorers"] = std::move(list);
  return reply(body);
}

Result<Response> register_scorer(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), required("serialized_scorer")}));
  const ScorerVersion made = TRY(services.scorers.add(
      fields.text("experiment_id"), fields.text("name"), fields.text("serialized_scorer")));
  return reply({{"version", made.version},
                {"scorer_id", made.scorer_id},
                {"experiment_id", made.experiment_id},
                {"name", made.name},
                {"serialized_scorer", made.content},
                {"creation_time", made.created.millis()}});
}

Result<Response> list_scorers(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_id"), optional("experiment_ids", kTexts)}));
  const std::string experiment = fields.text("experiment_id");
  const bool has_list = fields.has("experiment_ids");
  if (!experiment.empty() && has_list) {
    return base::error(Code::kInvalidArgument,
                       "Cannot specify both 'experiment_id' and 'experiment_ids'. Use "
                       "'experiment_ids' to scope the query to multiple experiments, or "
                       "'experiment_id' to scope it to a single experiment.");
  }
  if (!experiment.empty()) return scorers_reply(TRY(services.scorers.list(experiment)));
  std::optional<std::vector<std::string>> experiments;
  if (has_list) experiments = fields.texts("experiment_ids");
  return scorers_reply(TRY(services.scorers.list_of(experiments)));
}

Result<Response> list_scorer_versions(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name")}));
  return scorers_reply(
      TRY(services.scorers.versions(fields.text("experiment_id"), fields.text("name"))));
}

Result<Response> get_scorer(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), optional("version", kInteger)}));
  const std::optional<std::int64_t> version = TRY(fields.integer("version"));
  return reply({{"scorer", to_json(TRY(services.scorers.get(fields.text("experiment_id"),
                                                            fields.text("name"), version)))}});
}

Result<Response> delete_scorer(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), optional("version", kInteger)}));
  const std::optional<std::int64_t> version = TRY(fields.integer("version"));
  TRY(services.scorers.remove(fields.text("experiment_id"), fields.text("name"), version));
  return reply({});
}

Result<Response> set_online_scoring(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("experiment_id"), required("name"), required("sample_rate", kNumber),
                    optional("filter_string")}));
  std::optional<std::string> filter;
  if (!fields.text("filter_string").empty()) filter = fields.text("filter_string");
  const double rate = TRY(fields.number("sample_rate"));
  return reply(
      {{"config", to_json(TRY(services.scorers.set_online(fields.text("experiment_id"),
                                                          fields.text("name"), rate, filter)))}});
}

Result<Response> get_online_scoring(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("scorer_ids", kTexts)}));
  JsonArray configs;
  for (const OnlineScoring& online : TRY(services.scorers.online(fields.texts("scorer_ids"))))
    configs.push_back(to_json(online));
  return reply({{"configs", std::move(configs)}});
}

}  // namespace

void add_evaluation_routes(std::vector<http::Route>& routes, Services& services) {
  for (const std::string prefix : {"/api/3.0/mlflow", "/ajax-api/3.0/mlflow"}) {
    const auto add = [&](Method method, const std::string& path, const Handle& handle) {
      add_one(routes, services, method, prefix + path, handle);
    };
    add(Method::kPost, "/datasets/create", create_dataset);
    add(Method::kPost, "/datasets/search", search_datasets);
    add(Method::kGet, "/datasets/search", search_datasets);
    add(Method::kGet, "/datasets/{dataset_id}", get_dataset);
    add(Method::kDelete, "/datasets/{dataset_id}", delete_dataset);
    add(Method::kPatch, "/datasets/{dataset_id}/tags", set_dataset_tags);
    add(Method::kDelete, "/datasets/{dataset_id}/tags/{key}", delete_dataset_tag);
    add(Method::kGet, "/datasets/{dataset_id}/experiment-ids", dataset_experiments);
    add(Method::kPost, "/datasets/{dataset_id}/add-experiments", add_experiments);
    add(Method::kPost, "/datasets/{dataset_id}/remove-experiments", remove_experiments);
    add(Method::kPost, "/datasets/{dataset_id}/records", upsert_records);
    add(Method::kGet, "/datasets/{dataset_id}/records", get_records);
    add(Method::kDelete, "/datasets/{dataset_id}/records", delete_records);
    add(Method::kPost, "/scorers/register", register_scorer);
    add(Method::kGet, "/scorers/list", list_scorers);
    add(Method::kGet, "/scorers/versions", list_scorer_versions);
    add(Method::kGet, "/scorers/get", get_scorer);
    add(Method::kDelete, "/scorers/delete", delete_scorer);
    add(Method::kPut, "/scorers/online-config", set_online_scoring);
    add(Method::kGet, "/scorers/online-configs", get_online_scoring);
  }
}

}  // namespace slipway::api::mlflow
