#include "api/mlflow/batch_body.h"
#include "api/mlflow/services.h"
#include "api/mlflow/wire.h"
#include "tracking/metric_sampling.h"
#include "tracking/run_search.h"

namespace slipway::api::mlflow {
namespace {

using http::Method;
using http::Request;
using http::Response;
using enum Parameter::Kind;

// Of get-history-bulk: runs in a request, and points over all of them.
constexpr std::int64_t kBulkRunsMax = 100;
constexpr std::int64_t kBulkPointsMax = 25'000;
constexpr std::size_t kBatchBytesMax = 1'000'000;

std::string member(const JsonObject& object, std::string_view name) {
  const Json* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(std::string_view(found->get_string()))
                                                : std::string();
}

Result<Response> create(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_id"), optional("start_time", kInteger),
                    optional("run_name"), optional("user_id"), optional("tags", kArray)}));
  const auto start_ms = TRY(fields.integer("start_time"));
  tracking::Runs::Draft draft{.experiment_id = fields.text("experiment_id"),
                              .user = fields.text("user_id"),
                              .name = fields.text("run_name"),
                              .start_ms = start_ms,
                              .tags = read_pairs(fields.objects("tags"))};
  if (draft.experiment_id.empty()) draft.experiment_id.push_back('0');  // the default experiment
  return reply({{"run", to_json(TRY(services.runs.create(draft)))}});
}

Result<Response> get(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id")}));
  return reply({{"run", to_json(TRY(services.runs.get(TRY(fields.run_id()))))}});
}

Result<Response> update(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), optional("end_time", kInteger), optional("run_name")}));
  tracking::Runs::Update update{.status = tracking::parse_status(fields.text("status")),
                                .end_ms = TRY(fields.integer("end_time"))};
  if (fields.has("run_name")) update.name = fields.text("run_name");
  return reply({{"run_info", info_json(TRY(services.runs.update(TRY(fields.run_id()), update)))}});
}

Result<Response> remove(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id")}));
  TRY(services.runs.remove(TRY(fields.run_id())));
  return reply({});
}

Result<Response> restore(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id")}));
  TRY(services.runs.restore(TRY(fields.run_id())));
  return reply({});
}

Result<Response> search(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({optional("experiment_ids", kArray), optional("filter"),
                    optional("max_results", kInteger), optional("order_by", kTexts),
                    optional("page_token")}));
  tracking::RunQuery query{.experiment_ids = fields.texts("experiment_ids"),
                           .filter = fields.text("filter"),
                           .view = read_view(fields.text("run_view_type")),
                           .order_by = fields.texts("order_by"),
                           .page_token = fields.text("page_token")};
  query.max_results = TRY(fields.integer("max_results")).value_or(query.max_results);
  const auto page = TRY(tracking::search_runs(services.run_index, services.runs, query));
  JsonObject body;
  JsonArray runs;
  for (const tracking::Run& run : page.items) runs.push_back(to_json(run));
  if (!runs.empty()) body["runs"] = std::move(runs);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

Result<Response> log_metric(Services& services, const Request& request) {
  if (const std::optional<BatchBody> usual = read_metric_body(request.body)) {
    TRY(services.runs.log_batch(usual->run_id, usual->metrics, {}, {}));
    return reply({});
  }
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("key"), required("value", kNumber),
                    required("timestamp", kInteger), optional("step", kInteger),
                    optional("model_id"), optional("dataset_name"), optional("dataset_digest")}));
  TRY(services.runs.log_batch(TRY(fields.run_id()), {TRY(read_metric(fields.body(), ""))}, {}, {}));
  return reply({});
}

Result<Response> log_parameter(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("key"), optional("value")}));
  TRY(services.runs.log_batch(TRY(fields.run_id()), {},
                              {{fields.text("key"), fields.text("value")}}, {}));
  return reply({});
}

Result<Response> set_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("key"), optional("value")}));
  TRY(services.runs.log_batch(TRY(fields.run_id()), {}, {},
                              {{fields.text("key"), fields.text("value")}}));
  return reply({});
}

Result<Response> delete_tag(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("key")}));
  TRY(services.runs.delete_tag(TRY(fields.run_id()), fields.text("key")));
  return reply({});
}

Result<Response> log_batch(Services& services, const Request& request) {
  if (request.body.size() > kBatchBytesMax) {
    return base::error(Code::kInvalidArgument,
                       "Batched logging API requests must be at most {} bytes, got a request of "
                       "size {}.",
                       kBatchBytesMax, request.body.size());
  }
  if (const std::optional<BatchBody> usual = read_batch_body(request.body)) {
    TRY(services.runs.log_batch(usual->run_id, usual->metrics, usual->params, usual->tags));
    return reply({});
  }
  const Fields fields(request);
  TRY(fields.check({required("run_id"), optional("metrics", kArray), optional("params", kArray),
                    optional("tags", kArray)}));
  std::vector<tracking::Metric> metrics;
  for (const JsonObject& object : fields.objects("metrics"))
    metrics.push_back(TRY(read_metric(object, fmt::format("metrics[{}].", metrics.size()))));
  TRY(services.runs.log_batch(TRY(fields.run_id()), metrics, read_pairs(fields.objects("params")),
                              read_pairs(fields.objects("tags"))));
  return reply({});
}

Result<Response> log_inputs(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), optional("datasets", kArray), optional("models", kArray)}));
  std::vector<tracking::DatasetInput> datasets;
  for (const JsonObject& input : fields.objects("datasets")) {
    const Json* dataset = input.if_contains("dataset");
    if (dataset == nullptr || !dataset->is_object()) {
      return base::error(Code::kInvalidArgument,
                         "Missing value for required parameter 'dataset' in a dataset input");
    }
    const JsonObject& object = dataset->get_object();
    tracking::DatasetInput entry{member(object, "name"),
                                 member(object, "digest"),
                                 member(object, "source_type"),
                                 member(object, "source"),
                                 member(object, "schema"),
                                 member(object, "profile"),
                                 {}};
    if (entry.name.empty() || entry.digest.empty())
      return base::error(Code::kInvalidArgument, "Dataset name and digest cannot be empty");
    if (const Json* tags = input.if_contains("tags"); tags != nullptr && tags->is_array()) {
      for (const Json& tag : tags->get_array()) {
        if (tag.is_object())
          entry.tags.push_back(
              {member(tag.get_object(), "key"), member(tag.get_object(), "value")});
      }
    }
    datasets.push_back(std::move(entry));
  }
  std::vector<std::string> models;
  for (const JsonObject& model : fields.objects("models"))
    models.push_back(member(model, "model_id"));
  TRY(services.runs.log_inputs(TRY(fields.run_id()), datasets, models));
  return reply({});
}

Result<Response> log_outputs(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("models", kArray)}));
  std::vector<tracking::ModelOutput> models;
  for (const JsonObject& model : fields.objects("models"))
    models.push_back({member(model, "model_id"), base::get_int(model, "step").value_or(0)});
  TRY(services.runs.log_outputs(TRY(fields.run_id()), models));
  return reply({});
}

// What MLflow 2 clients send beside the artifacts: kept as the tag they expect to find.
Result<Response> log_model(Services& services, const Request& request) {
  const Fields fields(request);
  const std::string id = TRY(fields.run_id());
  const Json model = TRY(base::parse_json(TRY(fields.required("model_json"))));
  const tracking::Run run = TRY(services.runs.get(id));
  JsonArray history;
  for (const tracking::KeyValue& tag : run.tags) {
    if (tag.key != "mlflow.log-model.history") continue;
    if (const Result<Json> before = base::parse_json(tag.value); before && before->is_array())
      history = before->get_array();
  }
  history.push_back(model);
  TRY(services.runs.log_batch(
      id, {}, {}, {{"mlflow.log-model.history", base::to_text(Json(std::move(history)))}}));
  return reply({});
}

Result<Response> history(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_id"), required("metric_key"), optional("page_token"),
                    optional("max_results", kInteger)}));
  const std::optional<std::int64_t> wanted = TRY(fields.integer("max_results"));
  if (wanted && *wanted <= 0) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be a "
                       "positive integer.",
                       *wanted);
  }
  const auto page =
      TRY(services.runs.metric_history(TRY(fields.run_id()), fields.text("metric_key"),
                                       wanted.value_or(0), fields.text("page_token")));
  JsonObject body;
  JsonArray metrics;
  for (const tracking::Metric& metric : page.items) metrics.push_back(to_json(metric));
  if (!metrics.empty()) body["metrics"] = std::move(metrics);
  if (!page.next.empty()) body["next_page_token"] = page.next;
  return reply(body);
}

JsonObject to_json(const tracking::RunMetric& point) {
  JsonObject object = mlflow::to_json(point.metric);
  object["run_id"] = point.run_id;
  return object;
}

// The page's charts: whole histories of several runs, in the order of their ids.
Result<Response> history_bulk(Services& services, const Request& request) {
  const Fields fields(request);
  std::vector<std::string> ids = fields.texts("run_id");
  if (ids.empty()) {
    return base::error(Code::kInvalidArgument,
                       "GetMetricHistoryBulk request must specify at least one run_id.");
  }
  if (std::ssize(ids) > kBulkRunsMax) {
    return base::error(Code::kInvalidArgument,
                       "GetMetricHistoryBulk request cannot specify more than {} run_ids. Received "
                       "{} run_ids.",
                       kBulkRunsMax, ids.size());
  }
  if (!fields.has("metric_key")) {
    return base::error(Code::kInvalidArgument,
                       "GetMetricHistoryBulk request must specify a metric_key.");
  }
  const std::int64_t wanted =
      std::min(TRY(fields.integer("max_results")).value_or(kBulkPointsMax), kBulkPointsMax);
  std::sort(ids.begin(), ids.end());
  JsonArray metrics;
  for (const std::string& id : ids) {
    const std::int64_t rest = wanted - std::ssize(metrics);
    if (rest <= 0) break;
    const auto page = TRY(services.runs.metric_history(id, fields.text("metric_key"), rest, ""));
    for (const tracking::Metric& point : page.items)
      metrics.push_back(to_json(tracking::RunMetric{id, point}));
  }
  return reply({{"metrics", std::move(metrics)}});
}

Result<Response> history_bulk_interval(Services& services, const Request& request) {
  const Fields fields(request);
  TRY(fields.check({required("run_ids", kTexts), required("metric_key"),
                    optional("start_step", kInteger), optional("end_step", kInteger),
                    optional("max_results", kInteger)}));
  tracking::SampleQuery query{.run_ids = fields.texts("run_ids"), .key = fields.text("metric_key")};
  query.points_max = TRY(fields.integer("max_results")).value_or(query.points_max);
  query.start_step = TRY(fields.integer("start_step"));
  query.end_step = TRY(fields.integer("end_step"));
  JsonArray metrics;
  for (const tracking::RunMetric& point : TRY(tracking::sample_histories(services.runs, query)))
    metrics.push_back(to_json(point));
  JsonObject body;
  if (!metrics.empty()) body["metrics"] = std::move(metrics);
  return reply(body);
}

}  // namespace

void add_run_routes(std::vector<http::Route>& routes, Services& services) {
  add(routes, services, Method::kPost, "/mlflow/runs/create", create);
  add(routes, services, Method::kGet, "/mlflow/runs/get", get);
  add(routes, services, Method::kPost, "/mlflow/runs/update", update);
  add(routes, services, Method::kPost, "/mlflow/runs/delete", remove);
  add(routes, services, Method::kPost, "/mlflow/runs/restore", restore);
  add(routes, services, Method::kPost, "/mlflow/runs/search", search);
  add(routes, services, Method::kPost, "/mlflow/runs/log-metric", log_metric);
  add(routes, services, Method::kPost, "/mlflow/runs/log-parameter", log_parameter);
  add(routes, services, Method::kPost, "/mlflow/runs/set-tag", set_tag);
  add(routes, services, Method::kPost, "/mlflow/runs/delete-tag", delete_tag);
  add(routes, services, Method::kPost, "/mlflow/runs/log-batch", log_batch);
  add(routes, services, Method::kPost, "/mlflow/runs/log-inputs", log_inputs);
  add(routes, services, Method::kPost, "/mlflow/runs/outputs", log_outputs);
  add(routes, services, Method::kPost, "/mlflow/runs/log-model", log_model);
  add(routes, services, Method::kGet, "/mlflow/metrics/get-history", history);
  add_one(routes, services, Method::kGet, "/ajax-api/2.0/mlflow/metrics/get-history-bulk",
          history_bulk);
  add(routes, services, Method::kGet, "/mlflow/metrics/get-history-bulk-interval",
      history_bulk_interval);
}

}  // namespace slipway::api::mlflow
