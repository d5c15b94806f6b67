// MLflow's GraphQL endpoint, which its web page reads runs and experiments from. Integers of 64
// bits travel as text; errors are plain texts beside the data.
#include <cmath>

#include "access/access.h"
#include "api/graphql/executor.h"
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "base/actor.h"
#include "tracking/dataset_summaries.h"
#include "tracking/metric_sampling.h"
#include "tracking/run_search.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;

// Whether whoever asks may read it. One query asks about many things, so each is checked where it
// is looked up, and not by the route's permit.
bool may_read(const Services& services, std::string_view type, const std::string& id) {
  return services.access == nullptr || services.access->may(std::string(base::acting_user()), type,
                                                            id, slipway::access::Permission::kRead);
}

// "01" is experiment 1, and permissions are kept for that.
bool may_read_experiment(const Services& services, const std::string& id) {
  const Result<std::int64_t> number = tracking::experiment_number(id);
  return may_read(services, slipway::access::kExperiment, number ? std::to_string(*number) : id);
}

Result<void> check_experiment(const Services& services, const std::string& id) {
  if (may_read_experiment(services, id)) return {};
  return base::error(Code::kPermissionDenied, "Permission denied");
}

std::string number(std::int64_t value) { return std::to_string(value); }

template <typename Pair>
JsonArray pair_nodes(const std::vector<Pair>& pairs) {
  JsonArray nodes;
  for (const Pair& pair : pairs) nodes.push_back({{"key", pair.key}, {"value", pair.value}});
  return nodes;
}

JsonObject node(const tracking::Metric& metric) {
  return {{"key", metric.key},
          {"value", base::number_or_null(metric.value)},
          {"timestamp", number(metric.timestamp_ms)},
          {"step", number(metric.step)}};
}

JsonObject node(const tracking::Experiment& experiment) {
  return {{"experimentId", experiment.id},
          {"name", experiment.name},
          {"artifactLocation", experiment.artifact_location},
          {"lifecycleStage", tracking::stage_name(experiment.stage)},
          {"lastUpdateTime", number(experiment.updated.millis())},
          {"creationTime", number(experiment.created.millis())},
          {"tags", pair_nodes(experiment.tags)}};
}

JsonObject node(const tracking::DatasetInput& input) {
  return {{"tags", pair_nodes(input.tags)},
          {"dataset", JsonObject{{"name", input.name},
                                 {"digest", input.digest},
                                 {"sourceType", input.source_type},
                                 {"source", input.source},
                                 {"schema", input.schema},
                                 {"profile", input.profile}}}};
}

JsonObject info_node(const tracking::Run& run) {
  return {{"runId", run.id},
          {"runUuid", run.id},
          {"runName", run.name},
          {"experimentId", run.experiment_id},
          {"userId", run.user},
          {"status", tracking::status_name(run.status)},
          {"startTime", number(run.start_ms)},
          {"endTime", run.end_ms ? Json(number(*run.end_ms)) : Json(nullptr)},
          {"artifactUri", run.artifact_uri},
          {"lifecycleStage", tracking::stage_name(run.stage)}};
}

JsonObject node(const tracking::Run& run) {
  JsonArray metrics, dataset_inputs, model_inputs, model_outputs;
  for (const tracking::Metric& metric : run.metrics) metrics.push_back(node(metric));
  for (const tracking::DatasetInput& input : run.datasets) dataset_inputs.push_back(node(input));
  for (const std::string& id : run.model_inputs)
    model_inputs.push_back(JsonObject{{"modelId", id}});
  for (const tracking::ModelOutput& output : run.model_outputs)
    model_outputs.push_back({{"modelId", output.model_id}, {"step", number(output.step)}});
  return {{"__typename", "MlflowRunExtension"},
          {"info", info_node(run)},
          {"data", JsonObject{{"metrics", std::move(metrics)},
                              {"params", pair_nodes(run.params)},
                              {"tags", pair_nodes(run.tags)}}},
          {"inputs", JsonObject{{"datasetInputs", std::move(dataset_inputs)},
                                {"modelInputs", std::move(model_inputs)}}},
          {"outputs", JsonObject{{"modelOutputs", std::move(model_outputs)}}}};
}

JsonObject node(const registry::ModelVersion& version) {
  JsonArray aliases;
  for (const std::string& alias : version.aliases) aliases.emplace_back(alias);
  return {{"name", version.model},
          {"version", number(version.version)},
          {"creationTimestamp", number(version.created.millis())},
          {"lastUpdatedTimestamp", number(version.updated.millis())},
          {"currentStage", version.stage},
          {"description", version.description},
          {"source", version.source},
          {"runId", version.run_id},
          {"status", "READY"},
          {"runLink", version.run_link},
          {"modelId", version.model_id},
          {"tags", pair_nodes(version.tags)},
          {"aliases", std::move(aliases)}};
}

// The argument `input` of a root field, read like the body of a request.
Result<Fields> input_of(const JsonObject& arguments) {
  const Json* input = arguments.if_contains("input");
  if (input == nullptr || !input->is_object())
    return base::error(Code::kInvalidArgument, "Missing value for required parameter 'input'.");
  return Fields(input->get_object());
}

Result<Json> get_experiment(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  const tracking::Experiment experiment =
      TRY(services.experiments.get(TRY(input.required("experimentId"))));
  TRY(check_experiment(services, experiment.id));
  return Json(JsonObject{{"experiment", node(experiment)}});
}

// The run that `input` names.
Result<tracking::Run> find_run(Services& services, const Fields& input) {
  std::string id = input.text("runId");
  if (id.empty()) id = input.text("runUuid");
  tracking::Run run = TRY(services.runs.get(id));
  TRY(check_experiment(services, run.experiment_id));
  return run;
}

Result<Json> get_run(Services& services, const JsonObject& arguments) {
  return Json(JsonObject{{"run", node(TRY(find_run(services, TRY(input_of(arguments)))))}});
}

Result<Json> search_runs(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  tracking::RunQuery query{.experiment_ids = input.texts("experimentIds"),
                           .filter = input.text("filter"),
                           .view = read_view(input.text("runViewType")),
                           .order_by = input.texts("orderBy"),
                           .page_token = input.text("pageToken")};
  if (const auto wanted = TRY(input.integer("maxResults"))) query.max_results = *wanted;
  std::erase_if(query.experiment_ids,
                [&](const std::string& id) { return !may_read_experiment(services, id); });
  const auto page = TRY(tracking::search_runs(services.run_index, services.runs, query));
  JsonArray runs;
  for (const tracking::Run& run : page.items) runs.push_back(node(run));
  return Json(JsonObject{{"runs", std::move(runs)}, {"nextPageToken", page.next}});
}

Result<Json> search_datasets(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  for (const std::string& id : input.texts("experimentIds")) TRY(check_experiment(services, id));
  JsonArray summaries;
  for (const tracking::DatasetSummary& summary :
       TRY(tracking::summarize_datasets(services.db, input.texts("experimentIds")))) {
    summaries.push_back({{"experimentId", summary.experiment_id},
                         {"name", summary.name},
                         {"digest", summary.digest},
                         {"context", summary.context}});
  }
  return Json(JsonObject{{"datasetSummaries", std::move(summaries)}});
}

Result<Json> metric_history(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  tracking::SampleQuery query{.run_ids = input.texts("runIds"), .key = input.text("metricKey")};
  query.points_max = TRY(input.integer("maxResults")).value_or(query.points_max);
  query.start_step = TRY(input.integer("startStep"));
  query.end_step = TRY(input.integer("endStep"));
  if (services.access != nullptr) {
    for (const std::string& id : query.run_ids)
      TRY(check_experiment(services, TRY(services.runs.get(id)).experiment_id));
  }
  JsonArray metrics;
  for (const tracking::RunMetric& point : TRY(tracking::sample_histories(services.runs, query))) {
    JsonObject metric = node(point.metric);
    metric["runId"] = point.run_id;
    metrics.push_back(std::move(metric));
  }
  return Json(JsonObject{{"metrics", std::move(metrics)}});
}

Result<Json> list_artifacts(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  const std::string path = TRY(tracking::safe_path(input.text("path")));
  const std::string root = TRY(find_run(services, input)).artifact_uri;
  const tracking::ArtifactPlace place = TRY(services.artifacts.at(root, path));
  JsonArray files;
  for (const store::ObjectEntry& entry : TRY(place.store->list(place.path))) {
    files.push_back({{"path", path.empty() ? entry.name : path + "/" + entry.name},
                     {"isDir", entry.is_folder},
                     {"fileSize", number(entry.is_folder ? 0 : entry.bytes)}});
  }
  return Json(JsonObject{{"rootUri", root}, {"files", std::move(files)}});
}

Result<JsonArray> version_nodes(Services& services, const registry::SearchQuery& query) {
  JsonArray versions;
  for (const registry::ModelVersion& version :
       TRY(services.registry.search_versions(query)).items) {
    if (may_read(services, slipway::access::kRegisteredModel, version.model))
      versions.push_back(node(version));
  }
  return versions;
}

Result<Json> search_versions(Services& services, const JsonObject& arguments) {
  const Fields input = TRY(input_of(arguments));
  registry::SearchQuery query{.filter = input.text("filter"), .order_by = input.texts("orderBy")};
  query.max_results = TRY(input.integer("maxResults")).value_or(query.max_results);
  query.offset = TRY(tracking::parse_page_token(input.text("pageToken")));
  return Json(JsonObject{{"modelVersions", TRY(version_nodes(services, query))}});
}

// What MLflow has for trying out a connection.
Result<Json> echo(const JsonObject& arguments) {
  return Json(JsonObject{{"output", Fields(arguments).text("inputString")}});
}

std::string info_text(const JsonObject& run, std::string_view name) {
  return Fields(run.at("info").as_object()).text(name);
}

graphql::Schema make_schema(Services& services) {
  using Root = Result<Json> (*)(Services&, const JsonObject&);
  const auto root = [&services](Root resolve) {
    return
        [&services, resolve](const JsonObject& arguments) { return resolve(services, arguments); };
  };
  graphql::Schema schema;
  schema.queries = {{"mlflowGetExperiment", root(get_experiment)},
                    {"mlflowGetRun", root(get_run)},
                    {"mlflowSearchRuns", root(search_runs)},
                    {"mlflowGetMetricHistoryBulkInterval", root(metric_history)},
                    {"mlflowListArtifacts", root(list_artifacts)},
                    {"mlflowSearchModelVersions", root(search_versions)},
                    {"test", echo}};
  schema.mutations = {{"mlflowSearchRuns", root(search_runs)},
                      {"mlflowSearchDatasets", root(search_datasets)},
                      {"testMutation", echo}};
  schema.edges[{"MlflowRunExtension", "experiment"}] =
      [&services](const JsonObject& run, const JsonObject&) -> Result<Json> {
    return Json(node(TRY(services.experiments.get(info_text(run, "experimentId")))));
  };
  schema.edges[{"MlflowRunExtension", "modelVersions"}] =
      [&services](const JsonObject& run, const JsonObject&) -> Result<Json> {
    const registry::SearchQuery query{.filter =
                                          fmt::format("run_id = '{}'", info_text(run, "runId"))};
    return Json(TRY(version_nodes(services, query)));
  };
  return schema;
}

Result<Response> answer(const graphql::Schema& schema, const Request& request) {
  const Fields fields(request);
  const std::string text = TRY(fields.required("query"));
  const std::string operation = fields.text("operationName");
  JsonObject variables;
  if (const Json* given = fields.body().if_contains("variables");
      given != nullptr && given->is_object())
    variables = given->get_object();
  const graphql::Outcome outcome = graphql::execute(schema, {}, {text, operation, variables});
  JsonArray errors;
  for (const std::string& error : outcome.errors) errors.emplace_back(error);
  return reply({{"data", outcome.data},
                {"errors", errors.empty() ? Json(nullptr) : Json(std::move(errors))}});
}

}  // namespace

void add_graphql_routes(std::vector<http::Route>& routes, Services& services) {
  const auto schema = std::make_shared<const graphql::Schema>(make_schema(services));
  add_one(routes, services, Method::kPost, "/graphql",
          [schema](Services&, const Request& request) { return answer(*schema, request); });
}

}  // namespace slipway::api::mlflow
